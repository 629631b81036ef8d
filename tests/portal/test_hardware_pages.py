"""What people see of hardware: the way into a lab, the choice, the waiting room, and the administrators' page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_hub import PREFIX
from lending_site import NODE_TOKEN, TOKENS, change_lease, declare, end_as, give_back, lent, plan, put_server
from portal_site import Site, run_site
from waiting import wait_for

from cohorts.models import Role
from cohorts.people import ensure_membership, ensure_person
from gpus.desk import Place
from gpus.leases import end, lease_of
from gpus.models import LeaseState, Ticket, TicketState, Use
from gpus.usage import accrue_all
from gpus.writer import deciding
from portal.hardware_choice import REMEMBERED

LAB = "/hub/user-redirect/lab"
ME, OTHER, THIRD = "haneul.lee", "minseo.kim", "jiho.jung"
Lending = Callable[..., Site]


@pytest.fixture
def lending(tmp_path: Path, filled_data: Path) -> Iterator[Lending]:
    """A campus that lends so many slices."""
    with ExitStack() as stack:

        def run(slices: int = 1, **declared: Any) -> Site:
            shutil.copytree(filled_data, tmp_path / "data")
            declare(tmp_path / "data", slices, **declared)
            site = stack.enter_context(run_site(tmp_path / "data", **TOKENS))
            wait_for("the hub to know everybody", site.campus.in_step.is_set)
            return site

        yield run


def queue(site: Site, *people: str) -> None:
    for who in people:
        assert isinstance(site.campus.desk.ask(who, "gpu-slice", datetime.now(UTC)), Place)


def words(text: str) -> str:
    """A page's text without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_with_one_kind_of_hardware_the_lab_opens_at_once(site: Site) -> None:
    with site.client(ME) as client:
        assert client.get("/lab").headers["location"] == LAB
        assert f'href="{PREFIX}/lab"' in client.get("/").text


def test_with_a_choice_the_lab_button_leads_to_it_and_to_the_lab_once_that_runs(lending: Lending) -> None:
    site = lending()
    with site.client(ME) as client:
        assert client.get("/lab").headers["location"] == f"{PREFIX}/hardware"
        put_server(site, ME, "cpu")
        assert client.get("/lab").headers["location"] == LAB
        put_server(site, ME, "cpu", pending="stop", ready=False)
        assert client.get("/lab").headers["location"] == f"{PREFIX}/hardware"


def test_who_waits_is_led_from_the_lab_button_to_the_waiting_room(lending: Lending) -> None:
    site = lending()
    lent(site, OTHER)
    queue(site, ME)
    with site.client(ME) as client:
        assert client.get("/lab").headers["location"] == f"{PREFIX}/waiting"


def test_the_choice_shows_what_is_free_who_waits_and_only_what_is_for_the_track(lending: Lending) -> None:
    site = lending(2)
    lent(site, OTHER)
    with site.client(ME, locale="ko") as client:
        text = words(client.get("/hardware").text)
    assert "GPU 조각 코어 4 메모리 16 GB 비어 있음 1 / 2 대기 0명 바로 시작합니다. 한 번에 2시간 동안 빌립니다." in text
    assert "GPU 전체" not in text
    with site.client("sera.oh", locale="en") as client:
        assert "Whole GPU" in client.get("/hardware").text


def test_the_choice_tells_how_long_a_newcomer_waits(lending: Lending) -> None:
    site = lending()
    lent(site, OTHER)
    queue(site, THIRD)
    with site.client(ME, locale="en") as client:
        text = words(client.get("/hardware").text)
    assert "Free 0 / 1 Waiting 1 person A wait of about" in text
    assert "Queue for it" in text


def test_slices_that_another_class_keeps_are_not_shown_as_free(lending: Lending) -> None:
    site = lending(3)
    wait_for("the hub knows the class's one student", lambda: "other.student" in site.hub.users)
    plan(site, begins=timedelta(minutes=10), seats=2, cohort="jc-2026-2")
    wait_for("the lab of the class's one student is started", lambda: site.hub.users["other.student"]["servers"])
    with site.client(ME, locale="en") as client:
        text = words(client.get("/hardware").text)
    assert "Free 1 / 3" in text
    assert "1 free one is kept for another class." in text
    with site.client("other.student", locale="en") as client:
        text = words(client.get("/hardware").text)
    assert "Free 2 / 3" in text
    assert "Next class: today" in text or "Next class: tomorrow" in text
    assert "GPU slice is kept for you" in text
    assert "It is yours until the class ends at" in text


def test_a_lab_starts_with_what_was_chosen(lending: Lending) -> None:
    site = lending()
    with site.client(ME) as client:
        answer = client.post("/hardware", data={"profile": "gpu-slice"})
        assert (answer.status_code, answer.headers["location"]) == (303, LAB)
        page = client.get("/hardware").text
    assert site.hub.users[ME]["servers"][""]["user_options"]["profile"] == "gpu-slice"
    held, _ = site.campus.desk.look(ME, datetime.now(UTC))
    assert held is not None
    assert held.state is LeaseState.RUNNING
    assert "지금 켜져 있는 실습실: GPU 조각" in words(page)


def test_hardware_that_is_full_leads_to_the_waiting_room(lending: Lending) -> None:
    site = lending()
    lent(site, OTHER)
    with site.client(ME, locale="ko") as client:
        assert client.post("/hardware", data={"profile": "gpu-slice"}).headers["location"] == f"{PREFIX}/waiting"
        text = words(client.get("/waiting").text)
    assert "대기 순서 1번째입니다" in text
    assert "GPU 1개가 모두 쓰이고 있습니다." in text
    assert "약 2시간 뒤" in text
    assert not site.hub.users.get(ME, {}).get("servers")


def test_a_lab_that_runs_is_never_stopped_without_being_told(lending: Lending) -> None:
    site = lending()
    put_server(site, ME, "cpu")
    with site.client(ME, locale="en") as client:
        answer = client.post("/hardware", data={"profile": "gpu-slice"})
        assert answer.status_code == 409
        assert "your files stay, running notebooks end" in answer.text
        assert site.hub.users[ME]["servers"][""]["user_options"] == {"profile": "cpu"}
        assert 'name="switch" value="1"' in answer.text
        assert client.post("/hardware", data={"profile": "gpu-slice", "switch": "1"}).headers["location"] == LAB
    assert site.hub.users[ME]["servers"][""]["user_options"]["profile"] == "gpu-slice"


def test_a_second_tab_that_asks_for_the_lab_that_is_starting_is_led_to_it(lending: Lending) -> None:
    site = lending()
    site.campus.desk.ask(ME, "gpu-slice", datetime.now(UTC))
    put_server(site, ME, "gpu-slice", ready=False, pending="spawn")
    with site.client(ME) as client:
        assert client.post("/hardware", data={"profile": "gpu-slice"}).headers["location"] == LAB


def test_who_has_to_wait_keeps_the_lab_they_have(lending: Lending) -> None:
    site = lending()
    lent(site, OTHER)
    put_server(site, ME, "cpu")
    with site.client(ME, locale="ko") as client:
        answer = client.post("/hardware", data={"profile": "gpu-slice", "switch": "1"})
        assert answer.headers["location"] == f"{PREFIX}/waiting"
        text = client.get("/waiting").text
    assert site.hub.users[ME]["servers"]
    assert "CPU 실습실 열기" in text
    assert "쓰던 실습실을 저절로 끄지 않습니다." in text


def test_a_cpu_lab_meanwhile_keeps_the_place(lending: Lending) -> None:
    site = lending()
    lent(site, OTHER)
    queue(site, THIRD, ME)
    with site.client(ME) as client:
        assert client.post("/hardware", data={"profile": "cpu", "back": "waiting"}).headers["location"] == LAB
        assert "대기 순서 2번째입니다" in client.get("/waiting").text
    assert site.hub.users[ME]["servers"][""]["user_options"]["profile"] == "cpu"


def test_a_turn_starts_by_itself_only_where_no_lab_runs(lending: Lending) -> None:
    site = lending()
    lent(site, OTHER)
    queue(site, ME)
    give_back(site, OTHER)
    with site.client(ME, locale="en") as client:
        page = client.get("/waiting").text
        assert "It is your turn" in page
        assert "data-submit" in page
        assert "data-countdown" in page
        put_server(site, ME, "cpu")
        page = client.get("/waiting").text
        assert "data-submit" not in page
        assert "Stop that lab and start GPU slice" in page
        answer = client.post("/hardware", data={"profile": "gpu-slice", "switch": "1", "back": "waiting"})
        assert answer.headers["location"] == LAB
        assert "Your lab is on" in client.get("/waiting").text


def test_a_start_that_failed_is_not_tried_again_by_itself(lending: Lending) -> None:
    site = lending()
    lent(site, OTHER)
    queue(site, ME)
    give_back(site, OTHER)
    site.hub.down = True
    with site.client(ME) as client:
        answer = client.post("/hardware", data={"profile": "gpu-slice", "back": "waiting"})
    assert answer.status_code == 503
    assert "data-submit" not in answer.text


def test_without_place_or_turn_the_waiting_room_leads_to_the_choice(lending: Lending) -> None:
    site = lending()
    with site.client(ME) as client:
        assert client.get("/waiting").headers["location"] == f"{PREFIX}/hardware"
        part = client.get("/waiting", headers={"HX-Request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (200, f"{PREFIX}/hardware")


def test_leaving_the_queue_gives_the_place_to_the_next(lending: Lending) -> None:
    site = lending()
    lent(site, OTHER)
    queue(site, ME, THIRD)
    with site.client(ME, locale="ko") as client:
        answer = client.post("/waiting/leave")
        assert answer.headers["location"] == f"{PREFIX}/hardware?done=queue-left"
        text = client.get("/hardware?done=queue-left").text
    assert "대기를 취소했습니다." in text
    assert "차례가 지나갔습니다" not in text
    _, place = site.campus.desk.look(THIRD, datetime.now(UTC))
    assert place is not None
    assert place.position == 1


@pytest.mark.parametrize(
    ("because", "sentence"),
    [
        ("no-answer", "시작하지 않아 다음 사람에게 넘겼습니다. 언제든 다시 대기할 수 있습니다. GPU 조각 다시 신청하기"),
        ("idle", "GPU를 오래 쓰지 않아"),
        ("over", "GPU 사용 시간이 끝나"),
        ("unused", "수업을 위해 켰지만 쓰지 않아"),
        ("lost", "실습실이 있던 서버가 멈췄습니다."),
        ("failed", "실습실이 시작되지 않았거나 끊어졌습니다."),
    ],
)
def test_what_ended_by_itself_is_told_with_the_way_back(lending: Lending, because: str, sentence: str) -> None:
    site = lending()
    lent(site, ME)
    end_as(site, ME, because)
    with site.client(ME, locale="ko") as client:
        text = words(client.get("/hardware").text)
    assert sentence in text


def test_what_the_person_ended_is_not_told_and_old_news_neither(lending: Lending) -> None:
    site = lending()
    lent(site, ME)
    end_as(site, ME, "stopped")
    with site.client(ME, locale="ko") as client:
        assert "실습실이 꺼졌습니다" not in client.get("/hardware").text
    lent(site, ME)
    change_lease(site, ME, granted_at=datetime.now(UTC) - REMEMBERED * 2)
    with deciding(site.campus.database) as session:
        lease = lease_of(session, ME)
        assert lease is not None
        end(lease, "idle", datetime.now(UTC) - REMEMBERED - timedelta(minutes=1))
    site.hub.users[ME]["servers"] = {}
    with site.client(ME, locale="ko") as client:
        assert "실습실이 꺼졌습니다" not in client.get("/hardware").text


def test_a_place_that_nobody_asked_after_is_told_as_given_up(lending: Lending) -> None:
    site = lending(rules={"presence": "2s"})
    lent(site, OTHER)
    queue(site, ME)
    with deciding(site.campus.database) as session:
        ticket = session.query(Ticket).filter_by(username=ME).one()
        ticket.seen_at = datetime.now(UTC) - timedelta(minutes=5)

    def lapsed() -> bool:  # looking at a page would keep the place
        with site.campus.database.read() as session:
            return session.query(Ticket).filter_by(username=ME, state=TicketState.LAPSED).count() == 1

    wait_for("the steward lets the ticket lapse", lapsed)
    with site.client(ME, locale="ko") as client:
        assert "차례가 지나갔습니다" in client.get("/hardware").text
        assert "오랫동안 대기실을 확인하지 않아" in client.get("/hardware").text


def test_a_quota_that_is_used_up_is_told_and_bars_gpus_outside_of_class(lending: Lending) -> None:
    site = lending(rules={"weekly_hours": 0.02, "shortest": "1s"})
    with site.client(ME, locale="ko") as client:
        assert "이번 주 남은 GPU 시간" in client.get("/hardware").text
    lease = lent(site, ME)
    end_as(site, ME, "stopped")
    now = datetime.now(UTC)
    with site.campus.database.write() as session:
        session.add(
            Use(
                lease_id=lease,
                username=ME,
                cohort_id="jc-2026-1",
                track="job-conversion",
                kind="gpu",
                share=1.0,
                month=now.strftime("%Y-%m"),
                in_class=False,
                began_at=now - timedelta(seconds=100),
                until_at=now,
                seconds=100.0,
            )
        )
    with site.client(ME, locale="ko") as client:
        text = words(client.get("/hardware").text)
        assert "이번 주 GPU 시간을 모두 썼습니다." in text
        assert 'value="gpu-slice"' not in client.get("/hardware").text
        answer = client.post("/hardware", data={"profile": "gpu-slice"})
        assert answer.status_code == 403
        assert "CPU 실습실은 언제나 쓸 수 있습니다." in answer.text
    plan(site, begins=timedelta(minutes=5))
    with site.client(ME) as client:
        assert 'value="gpu-slice"' in client.get("/hardware").text


def test_unknown_hardware_and_a_silent_hub_are_said_on_the_page(lending: Lending) -> None:
    site = lending()
    with site.client(ME, locale="en") as client:
        answer = client.post("/hardware", data={"profile": "quantum"})
        assert answer.status_code == 404
        assert "There is no hardware &#39;quantum&#39;; there is: cpu, gpu-slice, gpu-full." in answer.text


def test_the_page_of_slices_is_for_administrators_and_shows_who_holds_what(lending: Lending) -> None:
    site = lending(4, nodes=2)
    lent(site, ME)
    lent(site, OTHER)
    change_lease(site, ME, class_session_id=plan(site, begins=timedelta(hours=5)))
    readings = {
        "node": "node1",
        "at": datetime.now(UTC).isoformat(),
        "devices": [{"device": f"GPU-node1-{number}", "kind": "gpu", "busy": 0.83} for number in (0, 2)],
    }
    with site.client() as node:
        headers = {"Authorization": f"token {NODE_TOKEN}"}
        assert node.post("/api/gpus/readings", json=readings, headers=headers).json() == {"known": 2}
    with site.client(ME) as client:
        assert client.get("/gpus").status_code == 403
        assert f"{PREFIX}/gpus" not in client.get("/").text
    with site.client("sera.oh", locale="ko") as client:
        page = client.get("/gpus")
        found = words(client.get("/gpus?q=민서").text)
    text = words(page.text)
    assert "gpu 비어 있음 2 / 4 사용 중 2" in text
    assert "이하늘 haneul.lee" in text
    assert "83 %" in text
    assert "2개 중 1개 비어 있음" in text
    assert "김민서 minseo.kim" in found
    assert "이하늘 haneul.lee" not in found


def test_a_node_is_drained_and_lends_again_by_a_click(lending: Lending) -> None:
    site = lending(2, nodes=2)
    with site.client("sera.oh", locale="ko") as client:
        answer = client.post("/gpus/nodes/node1", data={"drained": "1"})
        assert answer.headers["location"] == f"{PREFIX}/gpus?done=node-drained"
        assert "비어 있음 1 / 1" in words(client.get("/gpus").text)
        assert "점검 중" in client.get("/gpus").text
        client.post("/gpus/nodes/node1", data={"drained": "0"})
        assert "비어 있음 2 / 2" in words(client.get("/gpus").text)
        assert client.post("/gpus/nodes/nowhere", data={"drained": "1"}).status_code == 404


def test_long_lists_are_cut_and_shown_whole_on_demand(lending: Lending) -> None:
    site = lending(40, nodes=5)
    people = [f"trainee.{number:03}" for number in range(110)]
    with site.campus.database.write() as session:
        now = datetime.now(UTC)
        for number, name in enumerate(people):
            ensure_person(session, username=name, name=f"교육생{number}", now=now)
            ensure_membership(session, "jc-2026-1", name, Role.STUDENT, now)
    for name in people[:40]:
        lent(site, name)
    queue(site, *people[40:])
    with site.client("sera.oh", locale="ko") as client:
        page = client.get("/gpus").text
        assert "40개 모두 보기" in page
        assert "70개 모두 보기" in page
        assert page.count("<tr>") < 70
        whole = client.get("/gpus?whole=queue").text
        assert "trainee.109" in whole
        assert "trainee.109" not in page


def test_hours_of_a_month_are_shown_by_track_cohort_and_person(lending: Lending) -> None:
    site = lending(2)
    lent(site, ME)
    change_lease(site, ME, starting_at=datetime.now(UTC) - timedelta(hours=3))
    with deciding(site.campus.database) as session:
        accrue_all(session, datetime.now(UTC), timedelta(days=2), "Asia/Seoul")
    with site.client("sera.oh", locale="en") as client:
        by_track = words(client.get("/gpus").text)
        by_person = words(client.get("/gpus?by=person").text)
        assert client.get("/gpus?by=nonsense&month=soon").status_code == 200
        before = words(client.get("/gpus?month=2020-01").text)
    assert re.search(r"AI job conversion|Job", by_track), by_track
    assert "이하늘 haneul.lee 3" in by_person or "haneul.lee" in by_person
    assert "No GPU was used in this month." in before
