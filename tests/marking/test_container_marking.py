"""A worker on a real container engine: what needs a container gets one, and what goes wrong there is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from engines import IMAGE, left_on
from marking_campus import OFFERING, MarkingCampus
from small_course import RIGHT, WRONG, answered, cell_of
from workers import worker_for

from grader.devices import Devices
from grader.models import MarkingState
from grader.releases import check_assignment
from grader.sandbox.base import Sandbox
from grader.sandbox.container import ContainerKind, ContainerSandbox
from grader.sandboxes import Containers, Sandboxes

pytestmark = pytest.mark.docker


@pytest.fixture
def boxes(tmp_path: Path, remembering: Sandbox) -> Iterator[Sandboxes]:
    """What a worker has that may use containers."""
    container = ContainerSandbox(ContainerKind(IMAGE), worker=f"tests-{tmp_path.name}")
    yield Sandboxes(remembering, Containers(container, IMAGE, Devices(tmp_path / "devices", {"h100": ("GPU-none",)})))
    assert left_on(container.engine, container.owner.worker) == []
    container.close()


def tells_its_prefix(released: dict[str, Any], answers: dict[str, str]) -> dict[str, Any]:
    nb = answered(released, answers)
    cell_of(nb, "ratio")["source"] += "\nimport sys\nprint('prefix', sys.prefix)"
    return nb


def test_work_that_names_an_image_is_marked_in_it_beside_work_that_is_forked(
    campus: MarkingCampus, released: dict[str, Any], boxes: Sandboxes
) -> None:
    forked = campus.submit(tells_its_prefix(released, RIGHT))
    campus.run_on("cpu", IMAGE)
    right = campus.submit(tells_its_prefix(released, RIGHT), "lee")
    wrong = campus.submit(tells_its_prefix(released, WRONG), "lee")
    assert worker_for(campus, boxes, places=2).run(once=True) == 3
    scores = {attempt: campus.markings(attempt)[0].score for attempt in (forked, right, wrong)}
    assert (scores[forked], scores[right]) == (6.0, 6.0)
    assert scores[wrong] is not None
    assert scores[wrong] < 6
    in_feedback = {attempt: sys.prefix in campus.html(campus.feedback(attempt)[0]) for attempt in scores}
    assert in_feedback == {forked: True, right: False, wrong: False}
    assert "prefix /" in campus.html(campus.feedback(right)[0])


@pytest.mark.parametrize(
    ("hardware", "image", "told"),
    [
        pytest.param("cpu", "no-such-image:1", "docker pull no-such-image:1", id="an-image-that-is-not-there"),
        pytest.param("h100", None, "GPU", id="a-device-that-is-not-there"),
    ],
)
def test_what_no_container_can_be_made_for_is_set_aside_with_what_to_do(
    campus: MarkingCampus, released: dict[str, Any], boxes: Sandboxes, hardware: str, image: str | None, told: str
) -> None:
    campus.run_on(hardware, image)
    campus.submit(answered(released, RIGHT))
    assert worker_for(campus, boxes).run(once=True) == 3
    (marking,) = campus.markings()
    assert marking.state is MarkingState.FAILED
    assert told in (marking.log or "")


def test_an_assignment_is_checked_where_it_will_be_marked(campus: MarkingCampus, boxes: Sandboxes) -> None:
    def check() -> Any:
        return check_assignment(
            campus.database,
            campus.storage,
            campus.course,
            offering_id=OFFERING,
            assignment="ps1",
            by="prof",
            now=datetime.now(UTC),
            sandbox=boxes,
        )

    forked = check()
    campus.run_on("cpu", IMAGE)
    in_container = check()
    assert (in_container.verdict, in_container.report["points"]) == (forked.verdict, forked.report["points"])
    assert in_container.id != forked.id
    assert in_container.seconds > forked.seconds


def test_an_author_checks_an_assignment_in_an_image_with_the_same_outcome(released_course: Path) -> None:
    def check(*options: str) -> tuple[int, str, Any]:
        command = [sys.executable, "-m", "portal.cli", "check", str(released_course / "source" / "ps1"), *options]
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=300)
        report = json.loads(done.stdout)
        cells = [{name: value for name, value in cell.items() if name != "seconds"} for cell in report["cells"]]
        return done.returncode, report["verdict"], cells

    forked = check()
    assert check("--image", IMAGE) == forked
    assert forked[2]


def test_doctor_tells_which_layers_hold_in_containers(tmp_path: Path) -> None:
    environment = os.environ | {"BITGOEUL_WORKER_IMAGE": IMAGE}
    command = [sys.executable, "-m", "portal.cli", "doctor", "--data", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    states = {found["subject"]: found["state"] for found in json.loads(done.stdout)}
    layers = {subject: state for subject, state in states.items() if subject.startswith("Container: ")}
    assert len(layers) > 5
    assert set(layers.values()) == {"ok"}
