"""The real `nbgrader` command line with the exchange plugin, against a real portal."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from exchange_campus import COURSE, NOTEBOOK, Lab, TestCampus, days, tar_gz
from sqlalchemy import select

from grader.models import Feedback, Release

MakeLab = Callable[..., Lab]


def test_a_student_lists_fetches_submits_and_gets_feedback(campus: TestCampus, lab: MakeLab) -> None:
    campus.release(files={"ps1.ipynb": NOTEBOOK, "data/표.csv": "가,나\n"})
    campus.set("ps1", due_at=days(7))
    due = campus.ask("minji", "GET", "/assignments").json()["assignments"][0]["due_text"]["ko"]
    minji = lab("minji")

    assert f"{COURSE} ps1 · 마감 {due}" in minji.run("list", f"--course={COURSE}")

    assert f"마감 {due}" in minji.run("fetch_assignment", "ps1", f"--course={COURSE}")
    notebook = minji.home / "ps1" / "ps1.ipynb"
    assert notebook.read_text() == NOTEBOOK
    assert (minji.home / "ps1" / "data" / "표.csv").read_text() == "가,나\n"
    assert stat.S_IMODE(notebook.stat().st_mode) & 0o600 == 0o600
    assert sorted(path.name for path in minji.home.iterdir() if path.name.startswith(".bitgoeul")) == []

    notebook.write_text(NOTEBOOK + "\n")
    (minji.home / "ps1" / "link").symlink_to("/etc/passwd")
    said = minji.run_afresh("submit", "ps1", f"--course={COURSE}")
    attempt = campus.ask("minji", "GET", f"/{COURSE}/ps1/attempts").json()["attempts"][0]
    assert f"접수증: 1번째 제출, {attempt['received_text']['ko']}, SHA-256 {attempt['sha256'][:12]}…" in said
    assert f"마감 {due}" in said
    assert "'link'" in said
    campus.give_back(attempt["id"], "<p>잘했습니다</p>")

    assert "(feedback ready to be fetched)" in minji.run("list", "--cached", f"--course={COURSE}")
    minji.run("fetch_feedback", "ps1", f"--course={COURSE}")
    assert (minji.home / "ps1" / "feedback" / attempt["timestamp"] / "ps1.html").read_text() == "<p>잘했습니다</p>"
    assert "(feedback already fetched)" in minji.run("list", "--cached", f"--course={COURSE}")


def test_staff_release_collect_and_return_feedback(campus: TestCampus, lab: MakeLab, course_dir: Path) -> None:
    grading = lab("grading-" + COURSE, home=course_dir, config=f'c.CourseDirectory.course_id = "{COURSE}"\n')
    grading.run("generate_assignment", "ps1")
    assert "(v1)" in grading.run("release_assignment", "ps1")
    with campus.database.read() as session:
        release = session.scalars(select(Release)).one()
        assert release.released_by == f"grading-{COURSE}"
        assert release.source_sha256 is not None
        assert campus.storage.has(release.source_sha256)
    released = campus.ask("minji", "GET", f"/{COURSE}/ps1/release")
    assert released.status_code == 200

    first, second = tar_gz({"ps1.ipynb": NOTEBOOK}), tar_gz({"ps1.ipynb": NOTEBOOK + "\n"})
    campus.hand_in("minji", first)
    latest = campus.hand_in("minji", second)
    campus.hand_in("junho", first)
    assert "Processing 2 submissions" in grading.run("collect", "ps1")
    submitted = course_dir / "submitted" / "minji" / "ps1"
    assert (submitted / "ps1.ipynb").read_text() == NOTEBOOK + "\n"
    stamp = (submitted / "timestamp.txt").read_text()
    attempts = campus.ask("minji", "GET", f"/{COURSE}/ps1/attempts").json()["attempts"]
    assert stamp == attempts[-1]["timestamp"]
    assert "Submission already exists" in grading.run("collect", "ps1")
    campus.hand_in("minji", first)
    assert "Updating submission: minji" in grading.run("collect", "ps1", "--update")
    assert (submitted / "ps1.ipynb").read_text() == NOTEBOOK

    returned = course_dir / "feedback" / "minji" / "ps1"
    returned.mkdir(parents=True)
    (returned / "ps1.html").write_text("<p>feedback</p>")
    (returned / "timestamp.txt").write_text(stamp)
    grading.run("release_feedback", "ps1")
    with campus.database.read() as session:
        feedback = session.scalars(select(Feedback)).one()
        assert feedback.attempt_id == latest.id
        assert feedback.released_at is not None

    inbound = grading.run("list", "--inbound")
    assert inbound.count(f"{COURSE} minji ps1") == 3
    assert inbound.count(f"{COURSE} junho ps1") == 1
    grading.run("list", "--remove", "ps1")
    assert campus.ask("minji", "GET", f"/{COURSE}/ps1/release").status_code == 404


def test_a_refusal_is_the_portals_sentence_in_korean(campus: TestCampus, lab: MakeLab) -> None:
    campus.release()
    campus.set("ps1", due_at=days(-1))
    minji = lab("minji")
    (minji.home / "ps1").mkdir()
    (minji.home / "ps1" / "ps1.ipynb").write_text(NOTEBOOK)
    before = campus.counts()
    sentence = campus.submit("minji", tar_gz({"ps1.ipynb": NOTEBOOK})).json()["error_ko"].split(" 지금은")[0]
    said = minji.run_afresh("submit", "ps1", f"--course={COURSE}", fails=True)
    assert sentence in said
    assert "nbgrader submit failed" in said
    assert campus.counts() == before


def test_a_course_that_is_not_theirs_is_refused_in_english_where_the_locale_says_so(
    campus: TestCampus, lab: MakeLab
) -> None:
    campus.release()
    said = lab("haneul", LANG="en_US.UTF-8").run("fetch_assignment", "ps1", f"--course={COURSE}", fails=True)
    assert f"You have no course '{COURSE}'" in said
    assert not (lab("haneul").home / "ps1").exists()
