"""What the guard of a Swarm's labs takes for the campus's own, and which rules follow from it."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from hub_config.swarm_guard import REMEMBERED, Guarded, Names, bridges


class Docker:
    """Docker's names: `tasks` by service; one that is not in it has no answer. The clock is `now`."""

    def __init__(self) -> None:
        self.tasks: dict[str, set[str]] = {"hub": {"10.1.0.2"}, "portal": {"10.1.0.3", "10.1.0.4"}}
        self.now = 0.0

    def ask(self, name: str) -> frozenset[str]:
        try:
            return frozenset(self.tasks[name.removeprefix("tasks.")])
        except KeyError:
            raise OSError(name) from None


@pytest.fixture
def docker() -> Docker:
    return Docker()


@pytest.fixture
def names(docker: Docker) -> Names:
    names = Names(("hub", "portal", "proxy"), docker.ask, lambda: docker.now)
    names.refresh()
    return names


def test_the_addresses_of_all_tasks_are_the_campus_s_own(names: Names) -> None:
    assert names.addresses == ("10.1.0.2", "10.1.0.3", "10.1.0.4")


def test_a_task_that_is_gone_is_no_longer_the_campus_s_own(docker: Docker, names: Names) -> None:
    docker.tasks["portal"] = {"10.1.0.4", "10.1.0.9"}
    names.refresh()
    assert names.addresses == ("10.1.0.2", "10.1.0.4", "10.1.0.9")


def test_a_moment_without_an_answer_cuts_nobody_off(docker: Docker, names: Names) -> None:
    known, docker.tasks = docker.tasks, {}
    docker.now += REMEMBERED / 2
    names.refresh()
    assert names.addresses == ("10.1.0.2", "10.1.0.3", "10.1.0.4")
    docker.tasks = known
    names.refresh()
    del docker.tasks["portal"]
    docker.now += REMEMBERED * 0.75
    names.refresh()
    assert "10.1.0.3" in names.addresses


def test_a_service_that_stays_away_loses_its_addresses(docker: Docker, names: Names) -> None:
    del docker.tasks["portal"]
    docker.now += REMEMBERED + 1
    names.refresh()
    assert names.addresses == ("10.1.0.2",)


def test_labs_may_call_the_campus_s_ports_and_answer_it_and_nobody_else() -> None:
    text = Guarded(IPv4Network("10.1.0.0/16"), ("10.1.0.2",), (8081, 8010)).restore_text
    assert text.splitlines() == [
        "*filter",
        ":BITGOEUL-LABS - [0:0]",
        "-A BITGOEUL-LABS -s 10.1.0.2 -j RETURN",
        "-A BITGOEUL-LABS -d 10.1.0.2 -p tcp -m tcp --dport 8081 -j RETURN",
        "-A BITGOEUL-LABS -d 10.1.0.2 -p tcp -m tcp --dport 8010 -j RETURN",
        "-A BITGOEUL-LABS -d 10.1.0.2 -p tcp -m tcp ! --tcp-flags SYN,ACK SYN -j RETURN",
        "-A BITGOEUL-LABS -s 10.1.0.0/16 -d 10.1.0.0/16 -j REJECT --reject-with icmp-admin-prohibited",
        "COMMIT",
    ]


def test_what_is_left_of_a_network_that_went_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "1-gone").touch()
    assert bridges(IPv4Network("10.1.0.0/16"), tmp_path) == []
