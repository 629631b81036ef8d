"""What the tests of deploy/stack.yml share: three nodes with the campus's images, and a class played on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from campus_books import write_hardware
from class_play import Play, play_class
from stack_campus import IMAGES, StackCampus, stack_campus
from swarm_labs import swarm_hardware
from swarm_rig import swarm_rig


@pytest.fixture(scope="session")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackCampus]:
    """The stack, open, on a Swarm that has nothing but the campus's images."""
    with (
        swarm_rig(3, images=[f"bitgoeul-{name}" for name in IMAGES]) as rig,
        stack_campus(rig, tmp_path_factory.mktemp("deployed") / "campus") as campus,
    ):
        write_hardware(campus.data / "site", swarm_hardware("bitgoeul-lab-cpu"))
        campus.start()
        yield campus


@pytest.fixture(scope="session")
def play(campus: StackCampus) -> Play:
    return play_class(campus)
