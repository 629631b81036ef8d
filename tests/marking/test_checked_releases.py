"""Releases on a campus: what the check lets through, what a person may accept, and what a refusal leaves alone."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_course
from marking_campus import NOON, OFFERING, MarkingCampus, opened
from release_sources import good_source, ran
from small_course import code, notebook, write
from sqlalchemy import select

from cohorts.errors import Conflict, Invalid
from grader import archive
from grader.gradebook import gradebook_url, write_marking
from grader.models import Release, ReleaseCheck
from grader.release_records import evidence_for, latest_check
from grader.release_report import Level, Problem, ReleaseRefused, ReleaseReport
from grader.releases import check_assignment, check_upload, release_assignment
from grader.results import MarkingResult, Outcome
from grader.sandbox.base import Sandbox


@pytest.fixture
def good_campus(tmp_path: Path, database_url: str) -> Iterator[MarkingCampus]:
    with opened(tmp_path, database_url) as campus:
        write(good_source(), campus.course / "source" / "ps1" / "p1.ipynb")
        (campus.course / "source" / "ps1" / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
        yield campus


def release(campus: MarkingCampus, sandbox: Sandbox, accept: str | None = None) -> Release:
    return release_assignment(
        campus.database,
        campus.storage,
        campus.course,
        offering_id=OFFERING,
        assignment="ps1",
        by="yuna.kim",
        now=NOON,
        sandbox=sandbox,
        accept=accept,
    )


def change_source(campus: MarkingCampus, old: str, new: str) -> None:
    path = campus.course / "source" / "ps1" / "p1.ipynb"
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_a_good_source_is_released_and_is_not_run_again(good_campus: MarkingCampus, sandbox: Sandbox) -> None:
    first = release(good_campus, sandbox)
    with good_campus.database.read() as session:
        checked = session.scalars(select(ReleaseCheck)).one()
        assert (checked.verdict, checked.source_sha256, checked.checked_by) == (
            "passed",
            first.source_sha256,
            "yuna.kim",
        )
        found = evidence_for(session, checked.source_sha256)
        assert found is not None
        assert {raw["strength"] for raw in found["p1"].values()} == {"strong"}
    again = release(good_campus, sandbox)
    assert (again.id, again.version) == (first.id, 1)
    with good_campus.database.read() as session:
        session.scalars(select(ReleaseCheck)).one()  # one still


def test_a_refusal_leaves_everything_as_it_was(good_campus: MarkingCampus, sandbox: Sandbox) -> None:
    from nbgrader.api import Gradebook

    release(good_campus, sandbox)
    before = (good_campus.course / "release" / "ps1" / "p1.ipynb").read_bytes()
    change_source(good_campus, "return x * x", "return x * x + 1")
    with pytest.raises(ReleaseRefused) as caught:
        release(good_campus, sandbox)
    assert "p1 · square_test" in caught.value.message
    assert caught.value.korean != caught.value.message
    assert (good_campus.course / "release" / "ps1" / "p1.ipynb").read_bytes() == before
    with Gradebook(gradebook_url(good_campus.course), OFFERING) as gradebook:
        assert "x * x + 1" not in gradebook.find_source_cell("square", "p1", "ps1").source
    with good_campus.database.read() as session:
        assert [row.version for row in session.scalars(select(Release))] == [1]
        newest = latest_check(session, OFFERING, "ps1")
        assert newest is not None
        assert newest.verdict == "refused"
    with pytest.raises(ReleaseRefused):  # a reason does not help
        release(good_campus, sandbox, accept="the students will cope")


def make_unsteady(campus: MarkingCampus, sandbox: Sandbox) -> None:
    """A source that was checked, with a test cell that came out differently."""
    now = NOON
    record = check_assignment(
        campus.database,
        campus.storage,
        campus.course,
        offering_id=OFFERING,
        assignment="ps1",
        by="yuna.kim",
        now=now,
        sandbox=sandbox,
    )
    report = ReleaseReport.from_dict(record.report)
    text_of = report.notes[0].text if report.notes else small_text()
    report = replace(report, problems=(Problem("not-deterministic", Level.UNSTEADY, "p1", "ratio_test", text_of),))
    with campus.database.write() as session:
        row = session.get_one(ReleaseCheck, record.id)
        row.verdict, row.report = report.verdict.value, report.to_dict()


def small_text() -> Any:
    from courses.model import Text

    return Text(ko="다릅니다.", en="It differs.")


def test_marks_that_waver_are_released_only_with_a_reason_that_is_kept(
    good_campus: MarkingCampus, sandbox: Sandbox
) -> None:
    make_unsteady(good_campus, sandbox)
    with pytest.raises(ReleaseRefused):
        release(good_campus, sandbox)
    with pytest.raises(Invalid, match="has 2 characters"):
        release(good_campus, sandbox, accept=" ok ")
    assert release(good_campus, sandbox, accept="Monte Carlo, wide tolerance").version == 1
    with good_campus.database.read() as session:
        row = session.scalars(select(ReleaseCheck)).one()
        assert (row.accepted_by, row.accepted_reason) == ("yuna.kim", "Monte Carlo, wide tolerance")
    assert release(good_campus, sandbox).version == 1  # accepted once


@pytest.fixture
def released_good(tmp_path: Path, sandbox: Sandbox) -> Iterator[MarkingCampus]:
    """A campus on SQLite with the good assignment released."""
    with opened(tmp_path, f"sqlite:///{tmp_path / 'bitgoeul.db'}") as campus:
        write(good_source(), campus.course / "source" / "ps1" / "p1.ipynb")
        (campus.course / "source" / "ps1" / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
        release(campus, sandbox)
        yield campus


def test_releasing_again_keeps_what_people_marked_and_refuses_other_cells(
    released_good: MarkingCampus, sandbox: Sandbox
) -> None:
    from nbgrader.api import Gradebook

    url = gradebook_url(released_good.course)
    marked = ran(3, Outcome.PASSED)
    write_marking(url, "ps1", "kim", NOON, MarkingResult((marked,)))
    with Gradebook(url, OFFERING) as gradebook:
        gradebook.find_grade("essay", "p1", "ps1", "kim").manual_score = 4.5
        gradebook.db.commit()
    change_source(released_good, "return x * x\\n", "return x ** 2\\n")
    assert release(released_good, sandbox).version == 2  # students get the same; the source is another
    change_source(released_good, '"grade_id": "ratio_test"', '"grade_id": "quotient_test"')
    with pytest.raises(Conflict, match="can't be added or removed"):
        release(released_good, sandbox)
    with Gradebook(url, OFFERING) as gradebook:
        assert gradebook.find_grade("essay", "p1", "ps1", "kim").manual_score == 4.5
        assert gradebook.find_grade_cell("ratio_test", "p1", "ps1").max_score == 2


def test_files_built_elsewhere_pass_the_same_check(
    released_good: MarkingCampus, sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "uploaded"
    shutil.copytree(released_good.course / "release" / "ps1", folder)
    assert upload(released_good, folder, sandbox) is not None
    (folder / "notes.txt").write_text(small_course.HIDDEN_LINES[0], encoding="utf-8")
    with pytest.raises(ReleaseRefused, match=r"notes\.txt"):
        upload(released_good, folder, sandbox)


def upload(campus: MarkingCampus, folder: Path, sandbox: Sandbox, assignment: str = "ps1") -> str | None:
    bundle = archive.pack(folder)
    sha256 = campus.storage.put_bytes(bundle)
    return check_upload(
        campus.database,
        campus.storage,
        campus.course,
        io.BytesIO(bundle),
        sha256,
        offering_id=OFFERING,
        assignment=assignment,
        by="yuna.kim",
        now=NOON,
        sandbox=sandbox,
    )


def test_files_without_a_source_may_at_least_hold_no_marks_of_nbgraders(
    good_campus: MarkingCampus, sandbox: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "quiz"
    write(notebook(code("1 + 1")), folder / "quiz.ipynb")
    assert upload(good_campus, folder, sandbox, "quiz") is None
    write(notebook(code("### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS")), folder / "quiz.ipynb")
    with pytest.raises(ReleaseRefused):
        upload(good_campus, folder, sandbox, "quiz")
