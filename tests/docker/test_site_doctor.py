"""What the doctor sees on a real container engine. Its containers bear a label, and are gone afterwards."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from engines import IMAGE

from portal.checks.clocks import Clocks
from portal.checks.engine import LABEL, examine_engines
from portal.checks.finding import Finding

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    client = docker.APIClient(**docker.utils.kwargs_from_env(), version="auto")
    yield client
    client.close()


def look(*images: str) -> dict[str, Finding]:
    return {finding.subject.split(" on ")[0]: finding for finding in examine_engines([], images, Clocks())}


def test_an_engine_is_told_with_its_kernels_part_and_its_clock() -> None:
    clocks = Clocks()
    found = examine_engines([], [IMAGE], clocks)
    (engine,) = [finding for finding in found if finding.subject.startswith("Engine ") and ":" not in finding.subject]
    assert "cgroup v" in engine.what
    assert engine.state in ("ok", "weak")
    assert "engine" in clocks.findings()[0].what


def test_an_image_that_a_node_lacks_is_named() -> None:
    found = look(IMAGE, "bitgoeul-not-there")
    assert found["Images"].state == "missing"
    assert "bitgoeul-not-there" in found["Images"].what
    assert "docker pull bitgoeul-not-there" in found["Images"].remedy
    assert look(IMAGE)["Images"].state == "ok"


def test_a_container_without_a_card_sees_none_and_is_gone_afterwards(api: Any) -> None:
    assert look(IMAGE)["CPU containers"].state == "ok"
    assert api.containers(all=True, filters={"label": LABEL}) == []


def test_a_container_that_sees_a_card_it_was_not_given_is_found(api: Any) -> None:
    """No card is needed: the image's shell says what a shell on such a node would see."""
    tag = f"bitgoeul-doctor-test:{secrets.token_hex(4)}"
    script = r"printf '#!/bin/bash\necho /dev/nvidia0\n' >/tmp/sh && chmod 755 /tmp/sh && mv /tmp/sh /bin/sh"
    recipe = f'FROM {IMAGE}\nUSER root\nSHELL ["/bin/bash", "-c"]\nRUN {script}\n'
    for line in api.build(fileobj=io.BytesIO(recipe.encode()), tag=tag, rm=True, decode=True, network_mode="none"):
        assert "error" not in line, line
    try:
        finding = look(tag)["CPU containers"]
    finally:
        api.remove_image(tag, force=True)
    assert finding.state == "missing"
    assert "/dev/nvidia0" in finding.what


def test_without_an_image_it_says_that_it_did_not_try() -> None:
    assert look("bitgoeul-not-there")["CPU containers"].state == "weak"


@pytest.mark.parametrize(("version", "state"), [("4.6.3", "missing"), ("5.3.0", "ok")])
def test_a_proxy_in_a_container_tells_its_version(api: Any, version: str, state: str) -> None:
    name = f"bitgoeul-doctor-test-proxy-{secrets.token_hex(4)}"
    alone = api.create_host_config(network_mode="none")
    made = api.create_container(
        IMAGE, name=name, entrypoint=["/bin/sleep"], command=["600"], user="0", host_config=alone
    )
    try:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            content = json.dumps({"name": "configurable-http-proxy", "version": version}).encode()
            header = tarfile.TarInfo("configurable-http-proxy/package.json")
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
        api.put_archive(made["Id"], "/srv", archive.getvalue())
        api.start(made["Id"])
        finding = look()[f"Proxy in {name}"]
    finally:
        api.remove_container(made["Id"], force=True)
    assert finding.state == state
    assert version in finding.what


def test_an_engine_that_does_not_answer_is_one_finding() -> None:
    (finding,) = examine_engines(["unix:///nothing/here.sock"], [IMAGE], Clocks())
    assert finding.state == "weak"
    assert "--engine" in finding.remedy
