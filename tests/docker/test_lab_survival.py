"""What may happen around labs: a hub that is killed, an engine that restarts, a lab that dies or is left behind."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_campus import IMAGE, ContainerCampus
from container_lab import Lab
from waiting import wait_for

pytestmark = [pytest.mark.labs, pytest.mark.timeout(600)]

#: what the warden says when the portal didn't take its report
UNTOLD = "The portal could not be told"


@pytest.fixture(scope="module")
def lab(campus: ContainerCampus) -> Iterator[Lab]:
    yield campus.start_lab("survivor")
    campus.stop_lab("survivor")


def test_a_killed_hub_finds_its_labs_again_and_their_websockets_never_noticed(
    campus: ContainerCampus, lab: Lab
) -> None:
    container = lab.container["Id"]
    kernel = lab.call("POST", "/api/kernels", json={}).json()["id"]
    with lab.channels(kernel) as wire:
        wire.execute("x = 41")
        campus.kill_hub()
        assert wire.execute("x += 1; print(x)") == "42\n"
        campus.start_hub()
        assert wire.execute("print(x)") == "42\n"
    with lab.channels(kernel) as wire:  # a new one, through the hub that came back
        assert wire.execute("print(x)") == "42\n"
    server = campus.server("survivor")
    assert server["ready"]
    assert lab.container["Id"] == container


def test_a_hub_has_one_warden_also_after_it_was_killed(campus: ContainerCampus) -> None:
    mark = f"BITGOEUL_LEASE_TOKEN={campus.lease_token}".encode()

    def wardens() -> int:
        found = 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                told = (process / "environ").read_bytes().split(b"\0")
                found += mark in told and b"hub_config.warden" in (process / "cmdline").read_bytes()
            except OSError:
                continue
        return found

    campus.kill_hub()
    campus.start_hub()
    wait_for("one warden", lambda: wardens() == 1, 30)


def test_labs_outlive_a_restart_of_the_engine_and_the_hub_keeps_them(campus: ContainerCampus, lab: Lab) -> None:
    container = lab.container["Id"]
    kernel = lab.call("POST", "/api/kernels", json={}).json()["id"]
    with lab.channels(kernel) as wire:
        wire.execute("x = 7")
        campus.engine.kill()
        assert wire.execute("print(x)") == "7\n"
        wait_for("the hub misses the engine", lambda: "survivor can't be looked at" in campus.hub_log)
        assert campus.server("survivor")["ready"]
        campus.engine.start()
        assert wire.execute("print(x + 1)") == "8\n"
    assert lab.container["Id"] == container
    assert campus.server("survivor")["ready"]


def test_a_start_while_the_engine_is_away_is_refused_in_a_sentence_and_works_when_it_is_back(
    campus: ContainerCampus,
) -> None:
    campus.engine.stop()
    try:
        status, message = campus.refusal("early", "gpu-slice")
    finally:
        campus.engine.start()
    assert status == 503
    assert "컨테이너 엔진이 응답하지 않아" in message
    assert campus.books.ends_of("early") == ["failed"]
    campus.start_lab("early", "gpu-slice")
    campus.stop_lab("early")


def test_a_lab_that_dies_is_noticed_put_away_and_its_slice_returned(campus: ContainerCampus) -> None:
    lab = campus.start_lab("faller", "gpu-slice")
    lease = campus.lease_of("faller")
    campus.engine.api.kill(lab.container["Id"])
    wait_for("the lab is missed", lambda: campus.books.ended(lease), 60)
    assert campus.books.ended(lease) == "lost"
    wait_for("its server is gone", lambda: not campus.server("faller"), 30)
    assert [one for one in campus.containers() if one["Labels"]["kr.bitgoeul.user"] == "faller"] == []
    assert "faller ended: exit status 137" in campus.hub_log
    campus.start_lab("faller")
    campus.stop_lab("faller")


def test_what_a_hub_killed_in_the_middle_of_a_start_left_gives_way_to_the_next_start(campus: ContainerCampus) -> None:
    campus.enrol("hurried")
    campus.token_of("hurried")
    starter = threading.Thread(target=_ask_and_forget, args=(campus, "hurried"))
    starter.start()

    def container() -> str:
        found = [one["Id"] for one in campus.containers() if one["Labels"]["kr.bitgoeul.user"] == "hurried"]
        return found[0] if found else ""

    left = wait_for("its container", container, 60)
    campus.kill_hub()
    starter.join()
    campus.start_hub()
    assert not campus.server("hurried")
    lab = campus.start_lab("hurried")
    assert lab.container["Id"] != left
    assert "left over from an earlier start" in campus.hub_log
    campus.stop_lab("hurried")


def _ask_and_forget(campus: ContainerCampus, name: str) -> None:
    try:
        campus.ask_start(name)
    except Exception as error:  # the hub dies under it
        print(f"as meant: {error}")


def test_the_warden_removes_nobody_s_labs_and_those_whose_lease_has_ended(campus: ContainerCampus, lab: Lab) -> None:
    api = campus.engine.api
    campus.start_lab("borrower", "gpu-slice")
    lease = campus.lease_of("borrower")
    wait_for("the portal hears of it", lambda: campus.books.seen_by_engine(lease), 30)
    campus.stop_lab("borrower")
    untold = campus.hub_log.count(UNTOLD)

    def stray(user: str, lease: str) -> str:
        labels = {"kr.bitgoeul.campus": "test", "kr.bitgoeul.user": user, "kr.bitgoeul.lease": lease}
        made = api.create_container(IMAGE, ["sleep", "600"], labels=labels, entrypoint=[])["Id"]
        api.start(made)
        return str(made)

    nobodys, ended = stray("김민지", ""), stray("survivor", str(lease))

    def there() -> set[str]:
        return {one["Id"] for one in campus.containers()}

    assert {nobodys, ended} <= there()
    # the portal gives the hub half a minute to stop it
    wait_for("the lease's container is gone", lambda: ended not in there(), 70)
    assert re.search(rf"survivor \({ended[:12]}, .*\): the portal says that its lease has ended", campus.hub_log)
    wait_for("nobody's container is gone", lambda: nobodys not in there(), 150)
    assert lab.container["State"]["Running"]
    assert campus.hub_log.count(UNTOLD) == untold, "a lab without a lease is none of the portal's, which refuses it"
