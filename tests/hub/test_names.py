"""User names and what follows from them; demonstration passwords; counting failures; servers' environments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub_config.auth import demo_password
from hub_config.failures import ALLOWED, REMEMBERED, WINDOW_SECONDS, Failures
from hub_config.names import folder_of, is_reserved, normalize, offering_of
from hub_config.server_environment import build_environment
from hub_config.spawner import LAB_CONFIG, runs_server
from portal.demo import demo_password as portals_demo_password


@pytest.mark.parametrize(
    ("username", "offering"),
    [
        ("grading-jc-2026-1-python", "jc-2026-1-python"),
        ("grading-", None),
        ("grading-../../etc", None),
        ("grading--x", None),
        ("grading-UPPER", None),
        ("minji", None),
        ("my-grading-x", None),
    ],
)
def test_a_grading_server_s_name_tells_its_offering(username: str, offering: str | None) -> None:
    assert offering_of(username) == offering


def test_every_name_that_begins_like_a_grading_server_s_is_reserved() -> None:
    assert is_reserved("grading-")
    assert is_reserved("GRADING-x")
    assert not is_reserved("gradings")


@pytest.mark.parametrize(
    ("username", "folder"),
    [
        ("minji", "minji"),
        ("kim@example.kr", "kim@example.kr"),
        ("..", "%2E."),
        (".ssh", "%2Essh"),
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("김민지", "%EA%B9%80%EB%AF%BC%EC%A7%80"),
    ],
)
def test_a_name_s_folder_is_one_plain_folder(username: str, folder: str) -> None:
    assert folder_of(username) == folder
    assert (Path("/homes") / folder).parent == Path("/homes")


def test_long_names_get_folders_that_fit_and_differ() -> None:
    folders = {folder_of("김" * 80 + ending) for ending in ("가", "나", "가가")}
    assert len(folders) == 3
    assert all(len(folder) <= 255 for folder in folders)


def test_one_name_has_one_spelling() -> None:
    decomposed = "\u1100\u1175\u11b7"
    assert normalize(decomposed) == "김"
    assert normalize("MinJi@Example.KR") == "minji@example.kr"


@pytest.mark.parametrize("username", ["minji", "kim@example.kr", "김민지", ""])
def test_hub_and_portal_derive_the_same_password(username: str) -> None:
    secret = "00ff" * 16
    password = demo_password(secret, username)
    assert password == portals_demo_password(secret, username)
    assert len(password) == 14
    assert password != demo_password("11ff" * 16, username)


def test_failures_count_by_name_and_address_and_pass() -> None:
    failures = Failures()
    for second in range(ALLOWED):
        assert failures.seconds_to_wait(("kim", "10.0.0.1"), 100.0 + second) == 0
        failures.add(("kim", "10.0.0.1"), 100.0 + second)
    assert failures.seconds_to_wait(("kim", "10.0.0.1"), 110.0) == WINDOW_SECONDS - 10
    assert failures.seconds_to_wait(("kim", "10.0.0.2"), 110.0) == 0
    assert failures.seconds_to_wait(("lee", "10.0.0.1"), 110.0) == 0
    assert failures.seconds_to_wait(("kim", "10.0.0.1"), 100.0 + WINDOW_SECONDS) == 0


def test_a_flood_of_names_doesn_t_fill_the_memory() -> None:
    failures = Failures()
    for number in range(REMEMBERED + 500):
        failures.add((f"name-{number}", "10.0.0.1"), 0.0)
    assert len(failures._times) <= REMEMBERED


def environment(username: str, locale: str = "ko") -> dict[str, str]:
    return build_environment(
        username=username,
        home=Path("/homes/x"),
        locale=locale,
        time_zone="Asia/Seoul",
        portal_url="http://127.0.0.1:1/services/portal",
        work_folder=Path("/offerings/o"),
        lab_config=LAB_CONFIG,
        programs="/campus/bin",
        inherited={"SSL_CERT_FILE": "/ca.pem"},
    )


def test_a_learner_s_server_knows_no_offering_and_loads_the_learners_configuration() -> None:
    env = environment("minji")
    folders = [Path(folder).name for folder in env["JUPYTER_CONFIG_PATH"].split(os.pathsep)]
    assert folders == ["learner", "common", "korean"]
    assert not [name for name in env if "OFFERING" in name]


def test_a_grading_server_knows_its_offering_and_loads_the_graders_configuration() -> None:
    env = environment("grading-o", locale="en")
    folders = [Path(folder).name for folder in env["JUPYTER_CONFIG_PATH"].split(os.pathsep)]
    assert folders == ["grading", "common"]
    assert env["BITGOEUL_OFFERING"] == "o"
    assert env["BITGOEUL_OFFERING_FOLDER"] == "/offerings/o"


def test_every_configuration_folder_exists() -> None:
    for locale, username in (("ko", "minji"), ("en", "grading-o")):
        for folder in environment(username, locale)["JUPYTER_CONFIG_PATH"].split(os.pathsep):
            assert Path(folder).is_dir(), folder


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc: Linux")
def test_a_process_is_told_from_another_that_got_its_number() -> None:
    code = "print('up', flush=True); input()"
    env = {"JUPYTERHUB_SERVICE_PREFIX": "/user/minji/"}
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert runs_server(process.pid, "/user/minji/")
        assert not runs_server(process.pid, "/user/min/")
        assert not runs_server(os.getpid(), "/user/minji/")
        process.kill()
    assert not runs_server(process.pid, "/user/minji/")
