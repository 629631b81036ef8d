"""What nbgrader asks of an exchange and an authenticator: the classes, and the answers formgrader reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from exchange_campus import CONFIG, COURSE, TestCampus
from nbgrader.apps.api import NbGraderAPI
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeFactory
from traitlets.config import Config, PyFileConfigLoader

from grader.exchange.language import language, say


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "nbgrader_config.py").write_text(CONFIG)
    return PyFileConfigLoader("nbgrader_config.py", str(tmp_path)).load_config()


@pytest.fixture
def as_user(campus: TestCampus, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BITGOEUL_PORTAL_URL", campus.url)
    become(monkeypatch, campus, "minji")
    return "minji"


def become(monkeypatch: pytest.MonkeyPatch, campus: TestCampus, username: str) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", campus.token(username))
    monkeypatch.setenv("JUPYTERHUB_USER", username)


def test_every_class_is_a_plugin_of_its_kind(config: Config) -> None:
    factory = ExchangeFactory(config=config)
    for name, trait in factory.traits(config=True).items():
        chosen = getattr(factory, name)
        assert chosen.__module__.startswith("grader.exchange."), name
        assert issubclass(chosen, trait.klass)


@pytest.mark.usefixtures("as_user")
def test_the_authenticator_asks_the_portal(
    campus: TestCampus, config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    authenticator = Authenticator(config=config)
    assert authenticator.get_student_courses("*") == [COURSE]
    assert authenticator.has_access("minji", COURSE)
    assert not authenticator.has_access("*", "cc-2026-1-vision")
    assert not authenticator.has_access("junho", COURSE)
    become(monkeypatch, campus, "seoyeon")
    assert authenticator.has_access("junho", COURSE)
    assert not authenticator.has_access("haneul", "cc-2026-1-vision")
    before = campus.counts()
    authenticator.add_student_to_course("haneul", COURSE)
    authenticator.remove_student_from_course("minji", COURSE)
    assert campus.counts() == before
    assert authenticator.has_access("minji", COURSE)
    assert "programme office" in caplog.text


@pytest.mark.usefixtures("as_user")
def test_formgrader_sees_what_is_released_and_releases_and_takes_back(
    campus: TestCampus, config: Config, monkeypatch: pytest.MonkeyPatch, course_dir: Path
) -> None:
    become(monkeypatch, campus, f"grading-{COURSE}")
    (course_dir / "release" / "ps1").mkdir(parents=True)
    nb = nbformat.read(course_dir / "source" / "ps1" / "ps1.ipynb", as_version=4)
    for cell in nb.cells:
        cell.source = re.sub(
            r"### BEGIN.*?### END [A-Z ]+", "raise NotImplementedError()", cell.source, flags=re.DOTALL
        )
    nbformat.write(nb, course_dir / "release" / "ps1" / "ps1.ipynb")
    directory = CourseDirectory(config=config, root=str(course_dir), course_id=COURSE)
    api = NbGraderAPI(coursedir=directory, config=config)
    assert api.exchange_is_functional
    assert api.get_released_assignments() == set()
    assert api.release_assignment("ps1")["success"]
    assert api.get_released_assignments() == {"ps1"}
    assert api.unrelease("ps1")["success"]
    assert api.get_released_assignments() == set()
    answer = api.release_assignment("ps9")
    assert not answer["success"]
    assert "ps9" in answer["log"]


@pytest.mark.usefixtures("as_user")
def test_formgrader_does_without_an_exchange_that_is_away(
    config: Config, monkeypatch: pytest.MonkeyPatch, course_dir: Path, unused_port: int
) -> None:
    monkeypatch.setenv("BITGOEUL_PORTAL_URL", f"http://127.0.0.1:{unused_port}/services/portal")
    directory = CourseDirectory(config=config, root=str(course_dir), course_id=COURSE)
    assert not NbGraderAPI(coursedir=directory, config=config).exchange_is_functional


def test_the_portal_uses_the_archives_without_importing_nbgrader() -> None:
    code = "import sys, grader.archive; sys.exit('nbgrader' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "both"),
        ({}, "both"),
        ({"LC_MESSAGES": "ko_KR.UTF-8", "LANG": "en_US.UTF-8"}, "ko"),
    ],
    ids=["Korean", "English", "LC_ALL first", "C", "none", "LC_MESSAGES before LANG"],
)
def test_the_locale_decides_the_language(environment: dict[str, str], expected: str) -> None:
    assert language(environment) == expected


def test_without_a_language_both_are_said_korean_first() -> None:
    assert say("both", "안녕", "hello") == "안녕\nhello"
    assert say("both", "같음", "같음") == "같음"
