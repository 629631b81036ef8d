"""Releases: made by nbgrader from the instructor's source, stored, numbered, taken back."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from exchange_campus import COURSE, NOTEBOOK, TestCampus, source_notebook, tar_gz
from sqlalchemy import select

from cohorts.errors import Invalid
from grader import archive
from grader.models import Assignment, Release
from grader.releases import (
    build_release,
    current_release,
    keep_source,
    notebooks_of,
    publish,
    release_assignment,
    withdraw_release,
)


@pytest.fixture(scope="module")
def course_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One course folder for all builds, so that nbgrader makes its gradebook once."""
    folder = tmp_path_factory.mktemp("offerings") / COURSE
    (folder / "source" / "ps1").mkdir(parents=True)
    return folder


@pytest.fixture
def source(course_dir: Path) -> Path:
    """The folder with the instructor's ps1, as it should be."""
    folder = course_dir / "source" / "ps1"
    (folder / "ps1.ipynb").write_text(source_notebook())
    (folder / "data.csv").write_text("a,b\n1,2\n")
    return folder


@pytest.mark.usefixtures("source")
def test_a_release_holds_the_student_version_and_nbgrader_sees_no_secret(
    campus: TestCampus, course_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITGOEUL_PORTAL_TOKEN", "very secret")
    (course_dir / "nbgrader_config.py").write_text(
        "import os, json\njson.dump(dict(os.environ), open('source/ps1/seen.json', 'w'))\n"
    )
    release = release_assignment(
        campus.database,
        campus.storage,
        course_dir,
        offering_id=COURSE,
        assignment="ps1",
        by="seoyeon",
        now=datetime.now(UTC),
    )
    assert release.version == 1
    with campus.storage.open(release.sha256) as bundle:
        archive.unpack(bundle, course_dir / "seen")
    text = (course_dir / "seen" / "ps1.ipynb").read_text()
    assert "HIDDEN" not in text
    assert "double(5)" not in text
    assert "return 2 * x" not in text
    assert (course_dir / "seen" / "data.csv").is_file()
    assert notebooks_of(campus.storage, release.sha256) == ["ps1.ipynb"]
    assert release.source_sha256 is not None
    with campus.storage.open(release.source_sha256) as kept:
        archive.unpack(kept, course_dir / "kept")
    assert "double(5)" in (course_dir / "kept" / "ps1.ipynb").read_text()
    assert (course_dir / "gradebook.db").is_file()
    environment = json.loads((course_dir / "seen" / "seen.json").read_text())
    assert not (course_dir / "source" / "ps1" / "seen.json").exists()
    assert "very secret" not in environment.values()
    assert environment["HOME"] != os.environ["HOME"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("### END SOLUTION", ""), "ps1.ipynb: No end solution statement found. Cell contents are: def double(x):"),
        (('"test_double"', '"double"'), "ps1.ipynb: Duplicate grade id: double."),
    ],
    ids=["no end of the solution", "a name used twice"],
)
def test_a_source_that_nbgrader_refuses_is_refused_in_its_words(
    course_dir: Path, source: Path, change: tuple[str, str], sentence: str
) -> None:
    notebook = source / "ps1.ipynb"
    notebook.write_text(notebook.read_text().replace(*change))
    before = {path: path.read_bytes() for path in (course_dir / "release").rglob("*") if path.is_file()}
    with pytest.raises(Invalid) as caught:
        build_release(course_dir, COURSE, "ps1")
    assert sentence in caught.value.message
    assert "Traceback" not in caught.value.message
    assert caught.value.korean != caught.value.message
    assert {path: path.read_bytes() for path in (course_dir / "release").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["ps9", "../ps1", "", "."])
def test_a_source_that_is_not_there_is_said_to_be_missing(course_dir: Path, name: str) -> None:
    with pytest.raises(Invalid, match="no source"):
        build_release(course_dir, COURSE, name)


def test_a_link_out_of_the_course_is_not_followed(sqlite_store: TestCampus, course_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ps8.ipynb").write_text(NOTEBOOK)
    (course_dir / "release").mkdir(exist_ok=True)
    for link in (course_dir / "release" / "ps8", course_dir / "source" / "ps8"):
        link.symlink_to(tmp_path / "secrets")
    before = sqlite_store.counts()
    with pytest.raises(Invalid, match="leads out of the course"):
        release_assignment(
            sqlite_store.database,
            sqlite_store.storage,
            course_dir,
            offering_id=COURSE,
            assignment="ps8",
            by="seoyeon",
            now=datetime.now(UTC),
        )
    with pytest.raises(Invalid, match="leads out of the course"):
        keep_source(sqlite_store.storage, course_dir, "ps8")
    assert sqlite_store.counts() == before


@pytest.mark.parametrize("name", ["%2e%2e", ".hidden", "a+b"])
def test_a_release_under_an_impossible_name_is_refused(campus: TestCampus, name: str) -> None:
    body = tar_gz({"ps1.ipynb": NOTEBOOK})
    before = campus.counts()
    told = {"X-Content-SHA256": hashlib.sha256(body).hexdigest()}
    answer = campus.ask("seoyeon", "PUT", f"/{COURSE}/{name}/release", content=body, headers=told)
    assert answer.status_code == 422, answer.text
    assert campus.counts() == before


def test_versions_are_numbered_and_the_newest_is_handed_out(store: TestCampus) -> None:
    store.release(files={"ps1.ipynb": NOTEBOOK})
    store.release(files={"ps1.ipynb": NOTEBOOK + " "})
    with store.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        assert [release.version for release in session.scalars(select(Release).order_by(Release.id))] == [1, 2]
        current = current_release(session, row)
        assert current is not None
        assert current.version == 2
        assert withdraw_release(session, row, datetime.now(UTC)) == 2
        assert current_release(session, row) is None
    store.release(files={"ps1.ipynb": NOTEBOOK})
    with store.database.read() as session:
        current = current_release(session, session.scalars(select(Assignment)).one())
        assert current is not None
        assert current.version == 3


def test_the_same_files_and_source_again_stay_one_version(store: TestCampus) -> None:
    store.release()
    store.release()
    assert store.counts()["release"] == 1


def test_a_bundle_that_is_not_stored_is_never_handed_out(store: TestCampus) -> None:
    store.add_assignment("ps1")
    with store.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        with pytest.raises(ValueError, match="must be in the storage"):
            publish(session, store.storage, row, "0" * 64, 1, None, "seoyeon", datetime.now(UTC))


@pytest.mark.parametrize(
    ("files", "status", "word"),
    [
        ({"readme.txt": "no notebook"}, 422, "no notebook"),
        ({"ps1.ipynb": NOTEBOOK, "../x": ""}, 422, "not allowed"),
    ],
    ids=["no notebook", "climbing"],
)
def test_a_bad_release_over_http_is_refused_and_nothing_is_stored(
    campus: TestCampus, files: dict[str, str | bytes], status: int, word: str
) -> None:
    body = tar_gz(files)
    before = campus.counts()
    answer = campus.ask(
        "seoyeon",
        "PUT",
        f"/{COURSE}/ps7/release",
        content=body,
        headers={"X-Content-SHA256": hashlib.sha256(body).hexdigest()},
    )
    assert (answer.status_code, word in answer.json()["error"]) == (status, True), answer.text
    assert campus.counts() == before


def test_a_release_of_a_name_that_the_catalogue_does_not_have_makes_an_assignment_without_deadline(
    campus: TestCampus,
) -> None:
    body = tar_gz({"quiz.ipynb": NOTEBOOK})
    told = {"X-Content-SHA256": hashlib.sha256(body).hexdigest()}
    answer = campus.ask("seoyeon", "PUT", f"/{COURSE}/quiz 1/release", content=body, headers=told)
    assert answer.status_code == 201
    listed = campus.ask("minji", "GET", "/assignments").json()["assignments"]
    assert [(item["assignment_id"], item["due_at"], item["notebooks"]) for item in listed] == [
        ("quiz 1", None, ["quiz.ipynb"])
    ]
