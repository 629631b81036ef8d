"""The images: who runs in them, what they hold and what they must not hold. They are built before (`make images`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docker.models.images import Image

ROOT = Path(__file__).resolve().parents[2]
USERS = {"hub": 2000, "portal": 2000, "grader": 2000, "proxy": 2000, "lab-cpu": 1000, "marking": 1000}
PYTHON = [name for name in USERS if name != "proxy"]
#: bytes, a tenth above what was measured: an image that grows says so
LARGEST = {"hub": 310e6, "portal": 800e6, "grader": 800e6, "proxy": 240e6, "lab-cpu": 980e6, "marking": 590e6}

pytestmark = pytest.mark.docker
every_image = pytest.mark.parametrize("name", USERS)
every_python_image = pytest.mark.parametrize("name", PYTHON)
ImageOf = Callable[[str], Image]
Seen = Callable[[str], dict[str, Any]]


@every_image
def test_an_image_runs_as_an_ordinary_user_by_number(name: str, image_of: ImageOf) -> None:
    assert image_of(name).attrs["Config"]["User"] == f"{USERS[name]}:{USERS[name]}"


@every_image
def test_an_image_says_what_it_is(name: str, image_of: ImageOf) -> None:
    labels = image_of(name).labels
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert version is not None
    assert labels["org.opencontainers.image.version"] == version[1]
    assert re.fullmatch(r"[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    assert labels["org.opencontainers.image.title"].startswith("Bitgoeul")
    assert labels["org.opencontainers.image.licenses"] == "BSD-3-Clause"


@pytest.mark.parametrize("name", [name for name in USERS if name != "marking"])
def test_whatever_serves_can_be_asked_for_its_health(name: str, image_of: ImageOf) -> None:
    assert image_of(name).attrs["Config"]["Healthcheck"]["Test"][0] in ("CMD", "CMD-SHELL")


@every_image
def test_an_image_is_small(name: str, image_of: ImageOf) -> None:
    assert image_of(name).attrs["Size"] <= LARGEST[name]


@every_image
def test_no_secret_is_in_an_images_settings_or_history(name: str, image_of: ImageOf) -> None:
    image = image_of(name)
    settings = "\n".join(image.attrs["Config"]["Env"])
    steps = "\n".join(step["CreatedBy"] for step in image.history())
    assert re.findall(r"(?i)\w*(?:secret|token|password|passwd|api_?key)\w*=", settings + steps) == []
    assert re.findall(r"https?://[^/\s]*@", steps) == []


@every_python_image
def test_who_runs_in_an_image_can_change_none_of_its_programs(name: str, seen: Seen) -> None:
    found = seen(name)
    assert (found["uid"], found["gid"]) == (USERS[name], USERS[name])
    assert found["writable"] == []


@every_python_image
def test_nothing_of_the_build_is_left(name: str, seen: Seen) -> None:
    found = seen(name)
    assert found["left"] == []
    assert found["pip"] is (name == "lab-cpu")


@every_python_image
def test_the_installed_packages_fit_together(name: str, seen: Seen) -> None:
    assert seen(name)["missing"] == []


@every_python_image
def test_byte_code_carries_hashes_and_is_not_checked(name: str, seen: Seen) -> None:
    kinds = seen(name)["byte code"]
    assert list(kinds) == ["1"]
    assert kinds["1"] > 500
