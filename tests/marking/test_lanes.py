"""What a job needs decides which lane it waits in, which worker takes it, and where it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from marking_campus import NOON, MarkingCampus, opened
from small_course import RIGHT, answered
from sqlalchemy import select
from workers import worker_for

from cohorts.models import Offering
from courses.catalogue import load_catalogue
from grader.assignments import ensure_assignments
from grader.devices import Devices, WrongDevice, read_devices
from grader.jobs import enqueue_feedback
from grader.models import Attempt, MarkingState
from grader.needs import needs_of
from grader.queueing import claim
from grader.sandbox.base import Sandbox, SandboxUnavailable
from grader.sandbox.container import ContainerKind, ContainerSandbox
from grader.sandboxes import Containers, Grant, Sandboxes

TWO = {"h100": ("GPU-1", "GPU-2")}


@pytest.mark.parametrize(
    ("hardware", "image", "lane"),
    [
        pytest.param("cpu", None, "cpu", id="the-campus's-own"),
        pytest.param("cpu", "torch:2026", "cpu+image", id="another-image"),
        pytest.param("h100-1g", None, "h100-1g", id="a-device"),
        pytest.param("h100-1g", "torch:2026", "h100-1g", id="a-device-and-another-image"),
    ],
)
def test_hardware_comes_before_the_image(hardware: str, image: str | None, lane: str) -> None:
    assert needs_of(hardware, image) == lane


def test_devices_are_named_by_kind_and_id() -> None:
    assert read_devices(["h100=GPU-1", " h100=GPU-2 ", "h100-1g=MIG-7=x"]) == TWO | {"h100-1g": ("MIG-7=x",)}


@pytest.mark.parametrize(
    "written", [["h100"], ["h100="], ["=GPU-1"], ["cpu=GPU-1"], ["H 100=GPU-1"], ["a=GPU-1", "b=GPU-1"]]
)
def test_a_device_that_is_written_wrong_is_refused(written: list[str]) -> None:
    with pytest.raises(WrongDevice):
        read_devices(written)


def test_a_device_is_lent_to_one_job_at_a_time_whichever_process_asks(tmp_path: Path) -> None:
    here, there = Devices(tmp_path, TWO), Devices(tmp_path, TWO)
    first, second = here.take("h100"), there.take("h100")
    assert first is not None
    assert second is not None
    assert {first.name, second.name} == {"GPU-1", "GPU-2"}
    assert here.take("h100") is None
    second.close()
    again = here.take("h100")
    assert again is not None
    assert again.name == second.name
    assert here.take("a100") is None


def test_a_killed_process_gives_its_device_back(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from grader.devices import Devices\n"
        "had = Devices(Path(sys.argv[1]), {'h100': ('GPU-1',)}).take('h100'); print(had.name, flush=True)\n"
        "time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "GPU-1\n"
    devices = Devices(tmp_path, {"h100": ("GPU-1",)})
    assert devices.take("h100") is None
    holder.kill()
    holder.communicate()
    assert devices.take("h100") is not None


@pytest.fixture
def boxes(tmp_path: Path, remembering: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandboxes]:
    """Sandboxes of a worker that may use containers and two devices, and whose engine is not there."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere.sock")
    container = ContainerSandbox(ContainerKind("grader"), worker="tests")
    yield Sandboxes(remembering, Containers(container, "grader", Devices(tmp_path / "devices", TWO)))
    container.close()


def test_a_worker_serves_what_it_has(boxes: Sandboxes, remembering: Sandbox) -> None:
    assert boxes.serves(4) == {"cpu": 4, "cpu+image": 2, "h100": 2}
    assert boxes.serves(1) == {"cpu": 1, "cpu+image": 1, "h100": 1}
    assert Sandboxes.of(remembering).serves(4) == {"cpu": 4}


def test_what_a_job_holds_is_given_back(boxes: Sandboxes) -> None:
    with boxes.require("h100"), boxes.require("h100") as other:
        assert other.weight == 2
        with pytest.raises(SandboxUnavailable, match="All devices of the kind h100 are in use"):
            boxes.require("h100")
    boxes.require("h100").close()


@pytest.mark.parametrize(("needs", "told"), [("cpu+image", "BITGOEUL_WORKER_IMAGE"), ("a100", "no such device")])
def test_where_there_is_nothing_to_run_it_in_the_refusal_says_what_to_set(
    remembering: Sandbox, needs: str, told: str
) -> None:
    with pytest.raises(SandboxUnavailable, match=told) as refusal:
        Sandboxes.of(remembering).require(needs)
    assert "BITGOEUL_WORKER_IMAGE" in refusal.value.korean


def test_nobody_waits_behind_a_job_that_needs_more_and_no_worker_takes_what_it_cannot_run(
    database_url: str, tmp_path: Path
) -> None:
    with opened(tmp_path, database_url) as campus:
        plain = [campus.attempt(b"x")]
        campus.run_on("cpu", "torch:2026")
        other = campus.attempt(b"x")
        campus.run_on("h100", None)
        gpu = campus.attempt(b"x")
        with campus.database.write() as session:
            enqueue_feedback(session, session.get_one(Attempt, gpu), NOON)
        taken: dict[str, list[int]] = {lane: [] for lane in ("cpu", "cpu+image", "h100", "a100")}
        for lane, found in taken.items():
            while job := claim(campus.database, "w", NOON, needs=lane):
                found.append(job.attempt_id)
                assert job.needs == lane
        assert taken == {"cpu": [*plain, gpu], "cpu+image": [other], "h100": [gpu], "a100": []}


def test_what_waits_moves_with_its_assignment_to_another_image(campus: MarkingCampus, released: dict[str, Any]) -> None:
    course = load_catalogue(Path(__file__).parents[2] / "courses" / "content").course("job-conversion", "python-data")
    campus.submit(answered(released, RIGHT))
    planned = next(iter(course.assignments))
    moved = replace(course, assignments=(replace(planned, key="ps1", image="torch:2026"),))
    with campus.database.write() as session:
        attempt = session.scalars(select(Attempt)).one()
        enqueue_feedback(session, attempt)
        offering = session.scalars(select(Offering)).one()
        ensure_assignments(session, offering, moved, "Asia/Seoul")
    assert [(marking.kind.value, marking.needs) for marking in campus.markings()] == [
        ("mark", "cpu+image"),
        ("feedback", "cpu"),
    ]


def test_a_job_whose_engine_does_not_answer_waits_without_losing_a_try(
    campus: MarkingCampus, released: dict[str, Any], boxes: Sandboxes
) -> None:
    campus.run_on("h100", None)
    first = campus.submit(answered(released, RIGHT))
    campus.run_on("cpu", None)
    second = campus.submit(answered(released, RIGHT), "lee")
    assert worker_for(campus, boxes).run(once=True) == 2
    (waits,), (done,) = campus.markings(first), campus.markings(second)
    assert (waits.state, waits.tries, waits.needs) == (MarkingState.QUEUED, 0, "h100")
    assert (done.state, done.score) == (MarkingState.DONE, 6.0)
    boxes.require("cpu").close()
    assert boxes.take("h100") is None  # it rests: the engine is not asked again at once


def test_a_worker_without_containers_leaves_what_needs_one(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.run_on("cpu", "torch:2026")
    campus.submit(answered(released, RIGHT))
    assert worker_for(campus, remembering).run(once=True) == 0
    assert {marking.state for marking in campus.markings()} == {MarkingState.QUEUED}


class OneThatIsCalledBack:
    """A pool with one device that people share: it is recalled once its first job has it."""

    def __init__(self) -> None:
        self.taken = self.returned = 0

    kinds = ("h100",)

    def count(self, kind: str) -> int:
        return 1

    def take(self, kind: str) -> OneThatIsCalledBack | None:
        self.taken += 1
        return self

    name = "GPU-1"

    def recalled(self) -> bool:
        return self.taken == 1

    def close(self) -> None:
        self.returned += 1


def test_a_job_whose_device_a_person_needs_waits_again_without_losing_a_try(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    """The first try is stopped while the notebook runs; the second is left alone."""

    class Boxes(Sandboxes):
        """Runs in forks what would run in containers: whose device it is makes no difference there."""

        def take(self, needs: str) -> Grant | None:
            return Grant(self.forked, None, pool.take(needs) if needs == "h100" else None)

    pool = OneThatIsCalledBack()
    container = ContainerSandbox(ContainerKind("grader"), worker="tests")
    campus.run_on("h100", None)
    slow = RIGHT | {"square": "import time; time.sleep(3)\n" + RIGHT["square"]}
    attempt = campus.submit(answered(released, slow))
    worker = worker_for(campus, Boxes(remembering, Containers(container, "grader", pool)), expiry=1.5)
    assert worker.run(once=True) == 2
    container.close()
    (marking,) = campus.markings(attempt)
    assert (marking.state, marking.tries, marking.score) == (MarkingState.DONE, 1, 6.0)
    assert pool.returned == pool.taken > 1
