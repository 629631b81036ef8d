"""What the tests of deploy/stack.yml share: three nodes with the campus's images, and a class played on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from campus_books import write_hardware
from class_play import Play, play_class
from engines import CAMPUS_IMAGES
from stack_campus import StackCampus, stack_campus
from swarm_labs import swarm_hardware
from swarm_rig import swarm_rig

CAMPUS = pytest.StashKey[StackCampus]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure tells how the stack is, and what its programs said last."""
    report = yield
    campus = item.config.stash.get(CAMPUS, None)
    if report.failed and campus is not None:
        report.sections.append(("the stack", campus.last_words()))
    return report


@pytest.fixture(scope="session")
def campus(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackCampus]:
    """The stack, open, on a Swarm that has nothing but the campus's images."""
    with (
        swarm_rig(3, images=CAMPUS_IMAGES) as rig,
        stack_campus(rig, tmp_path_factory.mktemp("deployed") / "campus") as campus,
    ):
        write_hardware(campus.data / "site", swarm_hardware("bitgoeul-lab-cpu"))
        campus.start()
        pytestconfig.stash[CAMPUS] = campus
        yield campus
        del pytestconfig.stash[CAMPUS]


@pytest.fixture(scope="session")
def play(campus: StackCampus) -> Play:
    return play_class(campus)
