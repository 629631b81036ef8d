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
