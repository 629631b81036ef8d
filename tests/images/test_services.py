"""The services' images: each starts what it is for. The campus made of them is tried where it is composed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from image_containers import Run, wait_until_healthy

pytestmark = pytest.mark.docker
OutputOf = Callable[..., str]
TOKEN = "a-token-of-the-tests"


def test_hub_and_proxy_start_and_are_healthy(run: Run) -> None:
    proxy = run("proxy", environment={"CONFIGPROXY_AUTH_TOKEN": TOKEN})
    settings = {
        "BITGOEUL_PORTAL_TOKEN": "another-token-of-the-tests",
        "BITGOEUL_DEMO_SECRET": "0123456789abcdef" * 2,
        "CONFIGPROXY_AUTH_TOKEN": TOKEN,
    }
    hub = run("hub", environment=settings, network_mode=f"container:{proxy.id}")
    wait_until_healthy(proxy)
    wait_until_healthy(hub)


@pytest.mark.parametrize("name", ["portal", "grader"])
def test_the_command_is_there(name: str, output_of: OutputOf) -> None:
    assert output_of(name, "bitgoeul", "--version").startswith("bitgoeul, version ")
    assert "Mark what students hand in" in output_of(name, "bitgoeul", "worker", "--help")


def test_the_portal_has_its_pages_and_courses(output_of: OutputOf) -> None:
    code = (
        "from courses.catalogue import load_catalogue; from portal.pages.rendering import find_htmx\n"
        "find_htmx(); print(len(load_catalogue().tracks))"
    )
    assert int(output_of("portal", "python3", "-c", code)) > 0


def test_sandboxes_hold_in_a_container_as_a_swarm_starts_it(output_of: OutputOf) -> None:
    """With Docker's own filter of system calls: a Swarm can't be asked for another."""
    code = "from grader.sandbox.detect import probe; print({layer.name for layer in probe() if not layer.holds})"
    given = ["SYS_ADMIN", "SYS_CHROOT", "SETUID", "SETGID", "SETPCAP"]
    rights = {"user": "0:0", "cap_drop": ["ALL"], "cap_add": given, "security_opt": ["apparmor=unconfined"]}
    failing = output_of("grader", "python3", "-c", code, **rights)
    assert failing.strip() in ("set()", "{'memory'}")


def test_whoever_was_given_rights_has_none_when_the_program_begins(output_of: OutputOf) -> None:
    code = "print(open('/proc/self/status').read())"
    rights = {"user": "0:0", "cap_drop": ["ALL"], "cap_add": ["SYS_ADMIN", "SETUID", "SETGID", "SETPCAP"]}
    said = output_of("grader", "python3", "-c", code, security_opt=["apparmor=unconfined"], **rights)
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["2000"] * 4
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
