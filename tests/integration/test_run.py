"""`make run`: starts, says where to go and as whom, finds its data again, leaves nothing behind."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import httpx
import pytest
from campus_process import Campus, Lab
from ports import free_port
from processes import command_line, descendants, running
from waiting import wait_for

QUICK = 60  # seconds; alone it takes about 5 (`python -m bench start`), beside the attack suite up to 16


def test_the_second_start_finds_the_first_ones_people_and_is_quick(tmp_path: Path) -> None:
    campus = Campus(tmp_path, free_port())
    campus.start()
    people = re.findall(r"(\S+)\s+(\w{4}-\w{4}-\w{4})", campus.said())
    assert len(people) == 9
    token = campus.secret("portal_token")
    campus.stop()
    try:
        assert campus.start() < QUICK
        assert re.findall(r"(\S+)\s+(\w{4}-\w{4}-\w{4})", campus.said()) == people
        assert campus.secret("portal_token") == token
        username, password = people[-1]
        page = campus.sign_in(username, password).http.get("/")
        assert str(page.url).startswith(campus.portal)
        assert page.status_code == 200
    finally:
        campus.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_stopping_leaves_no_process_behind_labs_included(tmp_path: Path, number: int) -> None:
    campus = Campus(tmp_path, free_port())
    campus.start()
    Lab(campus.sign_in("minji")).start()
    assert campus.process is not None
    family = descendants(campus.process.pid)
    assert any("hub_config.lab.start" in command_line(pid) for pid in family)
    campus.stop(number)
    assert [pid for pid in family if running(pid)] == []


def test_a_lab_survives_its_hub_and_is_found_again(tmp_path: Path) -> None:
    campus = Campus(tmp_path, free_port())
    campus.start()
    try:
        lab = Lab(campus.sign_in("minji")).start()
        assert campus.process is not None
        (before,) = [pid for pid in descendants(campus.process.pid) if "hub_config.lab.start" in command_line(pid)]
        campus.kill("hub")
        wait_for("the hub's return", lambda: hub_answers(campus), 30)
        lab.wait_ready()
        assert lab.call("GET", "/api/status").status_code == 200
        assert running(before)
    finally:
        campus.stop()


def hub_answers(campus: Campus) -> bool:
    try:
        return httpx.get(f"{campus.url}/hub/api/").status_code == 200
    except httpx.TransportError:
        return False
