"""A lab in a container, before any engine: its name, its labels, what it sees of the machine, what it is told."""

from __future__ import annotations

import re

import pytest

from hub_config.containers import labels_of, lease_in, mounts_of, name_of
from hub_config.server_environment import build_container_environment

LONG = "kim." * 60 + "@example.kr"


@pytest.mark.parametrize(
    ("username", "name"),
    [
        ("minji", "bitgoeul-minji"),
        ("grading-jc-2026-1-python", "bitgoeul-grading-jc-2026-1-python"),
        ("minji@example.kr", "bitgoeul-minji-example-kr-HASH"),
        ("김민지", None),
        (LONG, None),
    ],
)
def test_a_container_s_name_is_a_host_name_that_says_whose_it_is(username: str, name: str | None) -> None:
    made = name_of("bitgoeul", username)
    assert re.fullmatch(r"bitgoeul-[a-z0-9-]*[a-z0-9]", made)
    assert len(made) <= 63
    assert made == name_of("bitgoeul", username)
    if name:
        assert made == name or re.fullmatch(name.replace("HASH", "[0-9a-f]{12}"), made)


def test_names_that_look_alike_get_containers_of_their_own() -> None:
    alike = [
        "minji@example.kr",
        "minji.example.kr",
        "minji-example-kr",
        "Minji",
        "minji",
        "김민지",
        "이민지",
        LONG,
        LONG + "x",
    ]
    hashed = name_of("b", "김민지").removeprefix("b-")
    alike += [hashed, name_of("b", "minji@example.kr").removeprefix("b-")]
    assert len({name_of("b", name) for name in alike}) == len(alike)


def test_labels_say_whose_it_is_and_which_lease_it_holds() -> None:
    labels = labels_of(campus="bitgoeul", username="minji", lease=17, request="6f0c", device="GPU-5f")
    assert labels == {
        "kr.bitgoeul.campus": "bitgoeul",
        "kr.bitgoeul.user": "minji",
        "kr.bitgoeul.lease": "17",
        "kr.bitgoeul.request": "6f0c",
        "kr.bitgoeul.device": "GPU-5f",
    }
    assert lease_in(labels) == 17
    assert lease_in(labels_of(campus="bitgoeul", username="minji", lease=None, request="6f0c")) is None


def test_a_learner_sees_a_home_and_the_course_data_which_nobody_can_write() -> None:
    home, data = mounts_of(
        campus="bitgoeul", username="minji", homes="volumes", offerings="/data/offerings", course_data="/data/shared"
    )
    assert (home.kind, home.source, home.target, home.read_only) == (
        "volume",
        "bitgoeul-minji-home",
        "/home/learner",
        False,
    )
    assert (data.kind, data.source, data.target, data.read_only) == ("bind", "/data/shared", "/srv/course-data", True)


def test_a_grading_server_sees_its_own_offering_and_no_other() -> None:
    mounts = mounts_of(campus="b", username="grading-jc-1-py", homes="/srv/homes", offerings="/data/offerings")
    assert [(mount.kind, mount.source, mount.target, mount.read_only) for mount in mounts] == [
        ("bind", "/srv/homes/grading-jc-1-py", "/home/learner", False),
        ("bind", "/data/offerings/jc-1-py", "/srv/offerings/jc-1-py", False),
    ]


def test_a_name_with_slashes_stays_below_the_homes() -> None:
    [home] = mounts_of(campus="b", username="../../etc", homes="/srv/homes", offerings="/o")
    assert home.source == "/srv/homes/%2E.%2F..%2Fetc"


def test_a_lab_is_told_its_cores_its_language_and_that_it_has_no_gpu() -> None:
    env = build_container_environment(
        username="minji", locale="ko", time_zone="Asia/Seoul", portal_url="http://p", cpus=2.0, gpu=False
    )
    assert env["OMP_NUM_THREADS"] == "2"
    assert env["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert env["HOME"] == "/home/learner"
    assert env["JUPYTER_CONFIG_PATH"].endswith("/config/learner:/opt/lab/config/common:/opt/lab/config/korean")
    assert "BITGOEUL_OFFERING" not in env
    assert not [name for name in env if "TOKEN" in name or "SECRET" in name]


def test_a_lab_with_a_gpu_leaves_naming_it_to_the_engine() -> None:
    env = build_container_environment(
        username="grading-jc-1-py", locale="en", time_zone="UTC", portal_url="http://p", cpus=0, gpu=True
    )
    assert "NVIDIA_VISIBLE_DEVICES" not in env
    assert "OMP_NUM_THREADS" not in env
    assert env["BITGOEUL_OFFERING_FOLDER"] == "/srv/offerings/jc-1-py"
    assert "/opt/lab/config/grading:" in env["JUPYTER_CONFIG_PATH"]
