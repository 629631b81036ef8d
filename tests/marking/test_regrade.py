"""Regrading: other tests over all attempts, looked at before anything changes, applied or dropped in one act."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from marking_campus import OFFERING, MarkingCampus, opened
from nbgrader.api import Gradebook
from small_course import PARTLY, RIGHT, WRONG, answered, cell_of, code, nbgrader
from sqlalchemy import select, update

from cohorts.errors import Conflict, Invalid
from grader import regrade_apply, regrade_course
from grader.course_folder import placed_attempt
from grader.gradebook import gradebook_url, marks, read_grades, write_marking
from grader.job_progress import Progress, progress
from grader.kept_result import keep_result, kept_result
from grader.marking import mark
from grader.models import (
    Assignment,
    Attempt,
    Counting,
    FeedbackPolicy,
    Marking,
    MarkingKind,
    MarkingState,
    Regrade,
    RegradeState,
    Release,
)
from grader.regrade import drop_regrade, regrade_progress, start_regrade, state_of
from grader.regrade_apply import Applied, apply_regrade
from grader.regrade_changes import Cell, Preview
from grader.regrade_gradebook import Placement, write_regrade
from grader.regrade_preview import preview
from grader.sandbox.base import Interpreters, Layer, Limits, Opening, Sandbox, SandboxJob, SandboxResult
from grader.source import SourceAssignment
from grader.worker import Worker

pytestmark = pytest.mark.namespaces

Edit = Callable[[dict[str, Any]], None]


def gentler(nb: dict[str, Any]) -> None:
    """No hidden tests any more: who can't square negative numbers passes."""
    cell_of(nb, "square_test")["source"] = 'assert square(2) == 4, "square(2)"\n'


def stricter(nb: dict[str, Any]) -> None:
    cell_of(nb, "data_test")["source"] = "assert False, 'nobody'"


def other_cells(nb: dict[str, Any]) -> None:
    """square_test is worth more, ratio_test goes, pow_test comes."""
    cell_of(nb, "square_test")["metadata"]["nbgrader"]["points"] = 4
    nb["cells"] = [cell for cell in nb["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") != "ratio_test"]
    fresh = code("assert square(3) == 9", nbgrader("pow_test", grade=True, locked=True, points=2))
    nb["cells"].insert(-1, fresh | {"id": "fresh"})


class Building:
    """The namespace sandbox, which makes the student version of the same files only once."""

    name, isolates = "namespaces", True

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.known: dict[str, SandboxResult] = {}

    def layers(self) -> list[Layer]:
        return self.sandbox.layers()

    def run(self, job: SandboxJob, cancel: threading.Event | None = None) -> SandboxResult:
        assert job.files is not None
        files = [path for path in sorted(job.files.rglob("*")) if path.is_file()]
        content = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()
        if content not in self.known:
            self.known[content] = self.sandbox.run(job, cancel)
        return self.known[content]

    def open(self, opening: Opening, cancel: threading.Event | None = None) -> Interpreters:
        return self.sandbox.open(opening, cancel)

    def afresh(self) -> Sandbox:
        return self

    def close(self) -> None:
        """The other one's owner ends it."""


@pytest.fixture(scope="session")
def building(sandbox: Sandbox) -> Building:
    return Building(sandbox)


@pytest.fixture
def regrading(course: Path, tmp_path: Path, database_url: str) -> Iterator[MarkingCampus]:
    """A campus with a released course, on both databases in turn."""
    with opened(tmp_path, database_url) as campus:
        with campus.database.write() as session:
            assignment = session.scalars(select(Assignment)).one()
            session.add(
                Release(
                    assignment_id=assignment.id,
                    version=1,
                    sha256=campus.storage.put_bytes(_bundle(course / "release" / "ps1")),
                    size=1,
                    released_by="prof",
                    released_at=datetime(2026, 3, 1, tzinfo=UTC),
                )
            )
        yield campus


def _bundle(folder: Path) -> bytes:
    from grader import archive

    return archive.pack(folder)


@pytest.fixture
def work(regrading: MarkingCampus, released: dict[str, Any], remembering: Sandbox, building: Sandbox) -> Acts:
    return Acts(regrading, released, remembering, building)


class Acts:
    """What instructors, students and workers do in these tests."""

    def __init__(self, campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox, sandbox: Sandbox) -> None:
        self.campus, self.released, self.remembering, self.sandbox = campus, released, remembering, sandbox

    def submit(self, answers: dict[str, str], username: str = "kim") -> int:
        return self.campus.submit(answered(self.released, answers), username)

    def run_worker(self, most: int | None = None) -> int:
        campus = self.campus
        worker = Worker(campus.database, campus.storage, campus.offerings, self.remembering)
        return worker.run(once=True)

    def edit(self, change: Edit) -> None:
        path = self.campus.course / "source" / "ps1" / "p1.ipynb"
        nb = json.loads(path.read_text(encoding="utf-8"))
        change(nb)
        path.write_text(json.dumps(nb), encoding="utf-8")

    def start(self, change: Edit | None = None) -> Regrade:
        if change is not None:
            self.edit(change)
        return start_regrade(
            self.campus.database,
            self.campus.storage,
            self.campus.course,
            offering_id=OFFERING,
            assignment="ps1",
            by="prof",
            now=datetime.now(UTC),
            sandbox=self.sandbox,
        )

    def regrade(self, change: Edit) -> Regrade:
        """Start it and have it all marked."""
        found = self.start(change)
        self.run_worker()
        return found

    def preview(self, regrade: Regrade) -> Preview:
        with self.campus.database.read() as session:
            return preview(session, session.get_one(Regrade, regrade.id), self.campus.course)

    def state(self, regrade: Regrade) -> RegradeState:
        with self.campus.database.read() as session:
            return state_of(session.get_one(Regrade, regrade.id), regrade_progress(session, regrade.id))

    def apply(self, regrade: Regrade) -> Applied:
        campus = self.campus
        clock = lambda: datetime.now(UTC)  # noqa: E731
        return apply_regrade(campus.database, campus.storage, clock, campus.course, regrade.id, "prof")

    def drop(self, regrade: Regrade) -> None:
        with self.campus.database.write() as session:
            drop_regrade(session, session.get_one(Regrade, regrade.id), "prof", datetime.now(UTC))

    def scores(self) -> dict[str, float]:
        return {mark.username: mark.score for mark in marks(self.campus.course)}

    def everything(self) -> tuple[object, ...]:
        """All that a student, or an instructor who doesn't look at the regrade, could see."""
        folder = self.campus.course
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for step in ("submitted", "autograded", "release")
            for path in (folder / step).rglob("*")
            if path.is_file()
        }
        with Gradebook(gradebook_url(folder), OFFERING) as book:
            cells = {cell.name: cell.source for cell in book.find_notebook("p1", "ps1").source_cells}
        with self.campus.database.read() as session:
            counts = progress(session, session.scalars(select(Assignment.id)).one())
        feedback = [(row.id, row.sha256, row.released_at) for row in self.campus.feedback()]
        return files, cells, self.scores(), read_grades(gradebook_url(folder), "ps1", "kim"), counts, feedback

    def hand(self, name: str, points: float | None, username: str = "kim", comment: str | None = None) -> None:
        """A person gives points in formgrader."""
        with Gradebook(gradebook_url(self.campus.course), OFFERING) as book:
            grade = book.find_grade(name, "p1", "ps1", username)
            grade.manual_score, grade.needs_manual_grade = points, False
            if comment is not None:
                book.find_comment(name, "p1", "ps1", username).manual_comment = comment
            book.db.commit()


def test_until_it_is_applied_a_regrade_changes_nothing_that_anybody_sees(work: Acts) -> None:
    work.submit(PARTLY)
    work.submit(RIGHT, "lee")
    work.run_worker()
    before = work.everything()
    regrade = work.start(gentler)
    assert work.state(regrade) is RegradeState.RUNNING
    assert work.run_worker() == 2
    assert work.state(regrade) is RegradeState.READY
    assert work.everything() == before
    kinds = [(marking.kind, marking.regrade_id) for marking in work.campus.markings()]
    assert kinds == [(MarkingKind.MARK, None)] * 2 + [(MarkingKind.REGRADE, regrade.id)] * 2


def test_the_preview_tells_who_changes_by_how_much_and_in_which_tests(work: Acts) -> None:
    work.submit(PARTLY)
    work.submit(RIGHT, "lee")
    work.run_worker()
    found = work.preview(work.regrade(gentler))
    kim, lee = found.students
    assert (kim.username, kim.old, kim.new, kim.difference, kim.changed) == ("kim", 2.0, 5.0, 3.0, True)
    assert [(test.name, test.old, test.new) for test in kim.flips] == [("square_test", 0.0, 3.0)]
    assert (lee.old, lee.new, lee.changed, lee.flips) == (6.0, 6.0, False, ())
    assert (found.up, found.down, found.unchanged, found.mean) == (1, 0, 1, 1.5)
    assert (found.attempts, found.attempts_changed) == (2, 1)
    assert next((test.name, test.up, test.down) for test in found.tests) == ("square_test", 1, 0)
    assert {test.cell for test in found.tests} == {Cell.KEPT}


def test_applying_changes_gradebook_folders_and_feedback_and_keeps_the_history(work: Acts) -> None:
    first = work.submit(WRONG)
    second = work.submit(PARTLY)
    work.run_worker()
    regrade = work.regrade(gentler)
    assert work.apply(regrade) == Applied(attempts=2, queued=0)
    assert work.state(regrade) is RegradeState.APPLIED
    assert work.scores() == {"kim": 5.0}
    assert placed_attempt(work.campus.course, "ps1", "kim") == second
    with Gradebook(gradebook_url(work.campus.course), OFFERING) as book:
        assert "HIDDEN" not in book.find_source_cell("square_test", "p1", "ps1").source
    old, new = work.campus.feedback(second)
    assert (old.score, new.score, new.released_at is not None) == (2.0, 5.0, True)
    assert "5.0 / 11.0" in work.campus.html(new)
    assert len(work.campus.feedback(first)) == 2
    history = [(marking.kind, marking.score, marking.regrade_id) for marking in work.campus.markings(second)]
    assert history == [(MarkingKind.MARK, 2.0, None), (MarkingKind.MARK, 5.0, regrade.id)]
    with work.campus.database.read() as session:
        assert progress(session, session.scalars(select(Assignment.id)).one()) == Progress(done=2)


def test_a_submission_after_applying_is_marked_with_the_new_tests(work: Acts) -> None:
    work.submit(PARTLY)
    work.run_worker()
    work.apply(work.regrade(gentler))
    later = work.submit(PARTLY, "lee")
    work.run_worker()
    assert [marking.score for marking in work.campus.markings(later)] == [5.0]


def test_a_test_that_has_to_share_the_students_interpreter_is_known_to_a_regrade_and_after_it(work: Acts) -> None:
    def looks_at_the_source(nb: dict[str, Any]) -> None:
        lines = "import inspect\nassert 'return' in inspect.getsource(square)"
        fresh = code(lines, nbgrader("source_test", grade=True, locked=True, points=1))
        nb["cells"].insert(-1, fresh | {"id": "fresh"})

    attempt = work.submit(RIGHT)
    work.run_worker()
    regrade = work.regrade(looks_at_the_source)
    assert [marking.score for marking in work.campus.markings(attempt)] == [6.0, 7.0]
    work.apply(regrade)
    later = work.submit(RIGHT, "lee")
    work.run_worker()
    (marking,) = work.campus.markings(later)
    assert marking.score == 7.0
    strengths = {test["name"]: test["strength"] for test in marking.tests or []}
    assert strengths["source_test"] == "shared"
    assert strengths["square_test"] == "strong"


def test_dropping_changes_nothing_and_stops_what_still_waits(work: Acts) -> None:
    work.submit(PARTLY)
    work.run_worker()
    before = work.everything()
    regrade = work.start(gentler)
    work.drop(regrade)
    assert work.run_worker() == 0
    assert work.everything() == before
    assert work.state(regrade) is RegradeState.DROPPED
    with pytest.raises(Conflict, match="dropped by prof"):
        work.apply(regrade)
    assert work.start().id != regrade.id


def test_points_and_comments_of_people_stay_and_are_flagged_for_another_look(work: Acts) -> None:
    work.submit(PARTLY)
    work.run_worker()
    work.hand("essay", 4.5, comment="좋습니다")
    work.hand("square_test", 2.0)
    regrade = work.regrade(gentler)
    (kim,) = work.preview(regrade).students
    assert (kim.old, kim.new) == (8.5, 8.5)
    assert [test.name for test in kim.tests if test.by_hand] == ["square_test", "essay"]
    work.apply(regrade)
    assert work.scores() == {"kim": 8.5}
    with Gradebook(gradebook_url(work.campus.course), OFFERING) as book:
        essay, square = (book.find_grade(name, "p1", "ps1", "kim") for name in ("essay", "square_test"))
        assert (essay.manual_score, essay.needs_manual_grade) == (4.5, True)
        assert (square.manual_score, square.auto_score, square.needs_manual_grade) == (2.0, 3.0, True)
    assert "좋습니다" in work.campus.html(work.campus.feedback()[-1])


def test_cells_that_come_go_or_are_worth_something_else_are_shown_and_applied(work: Acts) -> None:
    work.submit(RIGHT)
    work.submit(RIGHT, "lee")
    work.run_worker()
    work.hand("ratio_test", 1.5, "lee")
    regrade = work.regrade(other_cells)
    found = work.preview(regrade)
    cells = {test.name: (test.cell, test.old_max, test.new_max) for test in found.tests}
    assert cells["square_test"] == (Cell.POINTS, 3.0, 4.0)
    assert cells["ratio_test"] == (Cell.REMOVED, 2.0, None)
    assert cells["pow_test"] == (Cell.ADDED, None, 2.0)
    assert [(student.old, student.new, student.new_max) for student in found.students] == [(6, 7, 12), (5.5, 7, 12)]
    assert {marking.integrity for marking in work.campus.markings()} == {"clean"}
    work.apply(regrade)
    assert {mark.username: (mark.score, mark.max_score) for mark in marks(work.campus.course)} == {
        "kim": (7.0, 12.0),
        "lee": (7.0, 12.0),
    }
    with work.campus.database.read() as session:
        (lost,) = session.get_one(Regrade, regrade.id).lost or []
    assert (lost["username"], lost["cell"], lost["points"]) == ("lee", "ratio_test", 1.5)
    with Gradebook(gradebook_url(work.campus.course), OFFERING) as book:
        assert {grade.name for grade in book.find_submission("ps1", "kim").notebooks[0].grades} == {
            *("square_test", "pow_test", "data_test", "essay")
        }


def test_the_best_attempt_is_chosen_anew(work: Acts) -> None:
    work.campus.set_policy(counting=Counting.BEST, feedback=FeedbackPolicy.AT_ONCE)
    without_ratio = RIGHT | {"ratio": WRONG["ratio"]}
    first, second = work.submit(without_ratio), work.submit(PARTLY)
    work.run_worker()
    assert placed_attempt(work.campus.course, "ps1", "kim") == first
    regrade = work.regrade(gentler)
    (kim,) = work.preview(regrade).students
    assert (kim.old_number, kim.number, kim.old, kim.new) == (1, 2, 4.0, 5.0)
    work.apply(regrade)
    assert placed_attempt(work.campus.course, "ps1", "kim") == second
    assert work.scores() == {"kim": 5.0}


def test_a_late_penalty_goes_off_once(work: Acts) -> None:
    attempt = work.submit(PARTLY)
    with work.campus.database.write() as session:
        assignment = session.scalars(select(Assignment)).one()
        row = session.get_one(Attempt, attempt)
        row.due_at = due = row.received_at - timedelta(hours=3)
        assignment.due_at, assignment.accept_days_late, assignment.late_percent_per_day = due, None, 10.0
    work.run_worker()
    assert work.scores() == pytest.approx({"kim": 2.0 - 1.1})
    regrade = work.regrade(gentler)
    (kim,) = work.preview(regrade).students
    assert (kim.old, kim.new) == pytest.approx((0.9, 3.9))
    work.apply(regrade)
    assert work.scores() == pytest.approx({"kim": 3.9})
    assert work.campus.feedback()[-1].score == pytest.approx(3.9)


def test_a_submission_during_a_regrade_is_marked_with_the_old_tests_and_again_after_applying(work: Acts) -> None:
    work.submit(WRONG)
    work.run_worker()
    regrade = work.start(gentler)
    later = work.submit(PARTLY)
    work.run_worker()
    assert work.scores() == {"kim": 2.0}
    (kim,) = work.preview(regrade).students
    assert (kim.number, kim.old, kim.new) == (2, 2.0, None)
    assert work.apply(regrade) == Applied(attempts=1, queued=1)
    assert work.scores() == {"kim": 2.0}
    assert work.run_worker() == 1
    assert work.scores() == {"kim": 5.0}
    assert [marking.score for marking in work.campus.markings(later)] == [2.0, 5.0]


def test_a_second_regrade_is_refused_while_one_is_open(work: Acts) -> None:
    work.submit(RIGHT)
    work.start()
    with pytest.raises(Conflict, match="still open") as refused:
        work.start()
    assert "먼저 적용하거나 취소하세요" in refused.value.korean
    assert len(work.campus.markings()) == 2


@pytest.mark.parametrize("submitted", [True, False], ids=["a source nbgrader refuses", "nothing handed in"])
def test_a_regrade_that_can_not_be_is_refused_and_leaves_nothing(work: Acts, submitted: bool) -> None:
    if submitted:
        work.submit(RIGHT)

    def twice(nb: dict[str, Any]) -> None:
        if submitted:
            cell_of(nb, "data_test")["metadata"]["nbgrader"]["grade_id"] = "square_test"

    with pytest.raises(Invalid):
        work.start(twice)
    with work.campus.database.read() as session:
        assert session.scalars(select(Regrade)).all() == []


def test_it_is_not_applied_before_every_attempt_has_run(work: Acts) -> None:
    work.submit(PARTLY)
    work.run_worker()
    regrade = work.start(gentler)
    with pytest.raises(Conflict, match="1 attempts are still to be marked"):
        work.apply(regrade)
    assert work.state(regrade) is RegradeState.RUNNING
    assert work.scores() == {"kim": 2.0}


def test_it_is_not_applied_over_a_newer_release_from_another_source(work: Acts) -> None:
    work.submit(PARTLY)
    work.run_worker()
    regrade = work.regrade(gentler)
    with work.campus.database.write() as session:
        release = session.scalars(select(Release)).one()
        session.add(
            Release(
                assignment_id=release.assignment_id,
                version=2,
                sha256=release.sha256,
                size=1,
                source_sha256="0" * 64,
                released_by="prof",
                released_at=datetime.now(UTC) + timedelta(seconds=1),
            )
        )
    with pytest.raises(Conflict, match="Version 2"):
        work.apply(regrade)


@pytest.mark.parametrize("broken", ["write_regrade", "_feedback", "_finish"])
def test_an_act_that_broke_off_is_completed_by_doing_it_again(
    work: Acts, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.submit(PARTLY)
    work.submit(RIGHT, "lee")
    work.run_worker()
    regrade = work.regrade(gentler)
    whole = getattr(regrade_apply, broken)

    def dies(*args: Any, **named: Any) -> Any:
        whole(*args, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(regrade_apply, broken, dies)
        with pytest.raises(KeyboardInterrupt):
            work.apply(regrade)
    assert work.state(regrade) is RegradeState.APPLYING
    assert [row.score for row in work.campus.feedback()] == [2.0, 6.0]
    with pytest.raises(Conflict, match="can't be dropped"):
        work.drop(regrade)
    work.apply(regrade)
    assert work.scores() == {"kim": 5.0, "lee": 6.0}
    assert [row.score for row in work.campus.feedback()] == [2.0, 6.0, 5.0, 6.0]
    with pytest.raises(Conflict, match="applied by prof"):
        work.apply(regrade)


def test_an_attempt_that_could_not_be_run_keeps_its_mark_and_is_marked_again(work: Acts) -> None:
    work.submit(PARTLY)
    work.run_worker()
    regrade = work.start(gentler)
    with work.campus.database.write() as session:
        session.execute(update(Marking).where(Marking.regrade_id == regrade.id).values(state=MarkingState.FAILED))
    (kim,) = work.preview(regrade).students
    assert (kim.failed, kim.old, kim.new) == (True, 2.0, None)
    assert work.apply(regrade) == Applied(attempts=0, queued=1)
    assert work.scores() == {"kim": 2.0}
    work.run_worker()
    assert work.scores() == {"kim": 5.0}


def test_the_preview_of_an_applied_regrade_still_tells_what_it_changed(work: Acts) -> None:
    work.submit(PARTLY)
    work.run_worker()
    regrade = work.regrade(gentler)
    before = work.preview(regrade)
    work.apply(regrade)
    work.submit(WRONG)
    work.run_worker()
    assert work.preview(regrade) == before


def test_the_new_source_is_read_once_however_many_attempts_there_are(
    work: Acts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        work.submit(PARTLY)
    read: list[str] = []
    load = regrade_course._load
    monkeypatch.setattr(regrade_course, "_load", lambda text, folder: read.append(text) or load(text, folder))
    work.regrade(stricter)
    assert len(read) == 1


def test_a_kept_result_comes_back_whole(
    work: Acts, released: dict[str, Any], source: SourceAssignment, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "p1.ipynb").write_text(json.dumps(answered(released, PARTLY)), encoding="utf-8")
    result = mark(source, folder, work.remembering, Limits())
    storage = work.campus.storage
    assert kept_result(storage, keep_result(storage, result).sha256, source) == result
    missing = mark(source, tmp_path, work.remembering, Limits())
    assert kept_result(storage, keep_result(storage, missing).sha256, source) == missing


def test_all_students_at_once_are_stored_as_one_student_is(
    work: Acts, released: dict[str, Any], source: SourceAssignment, tmp_path: Path
) -> None:
    """The two ways into the gradebook agree, with points by hand and a late penalty."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "p1.ipynb").write_text(json.dumps(answered(released, PARTLY)), encoding="utf-8")
    result = mark(source, folder, work.remembering, Limits())
    work.submit(RIGHT)
    work.run_worker()
    work.hand("essay", 3.0, comment="gut")
    other = tmp_path / "other"
    shutil.copytree(work.campus.course, other)
    when = datetime(2026, 3, 21, tzinfo=UTC)
    one = write_marking(gradebook_url(work.campus.course), "ps1", "kim", when, result, 20.0)
    placements = [Placement(name, when, result, 20.0) for name in ("kim", "lee")]
    together = write_regrade(gradebook_url(other), source, placements)
    assert together["kim"] == one
    assert read_grades(gradebook_url(other), "ps1", "kim") == one
    assert read_grades(gradebook_url(other), "ps1", "lee") == together["lee"]
    assert marks(other)[0] == marks(work.campus.course)[0]
