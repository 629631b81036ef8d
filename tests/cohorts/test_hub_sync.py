"""The hub's users and groups follow the campus: against a real JupyterHub with the portal's real scopes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from live_hub import LiveHub, Wire
from waiting import wait_for

from cohorts.database import Database
from cohorts.errors import CampusError, Conflict
from cohorts.hub_state import CREATED_AT_ONCE
from cohorts.hub_sync import (
    ADMINISTRATORS,
    GRADING_SERVERS,
    SCOPES,
    GradingServerFailed,
    Hub,
    HubRefused,
    HubUnavailable,
    SyncReport,
    desired_state,
    ensure_grading_server,
    keep_in_sync,
    sync,
)
from cohorts.models import Person, Role
from cohorts.people import ensure_membership, ensure_person, withdraw
from hub_config.roles import PORTAL_SCOPES

OFFERING = "jc-2026-1-python-data"
OTHER = "jc-2026-1-machine-learning"
ROSTER = (
    "이름,아이디,역할\n이서연,prof-lee,강사\n박조교,park@example.kr,조교\n김민지,minji,학생\n정도현,dohyun,학생\n"
    "홍길동,홍길동,학생\n"
)
EVERYBODY = {
    "admin",
    "prof-lee",
    "park@example.kr",
    "minji",
    "dohyun",
    "홍길동",
    f"grading-{OFFERING}",
    f"grading-{OTHER}",
}


@pytest.fixture(scope="module")
def running_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHub]:
    live = LiveHub(tmp_path_factory.mktemp("hub"))
    try:
        live.start()
        yield live
    finally:
        live.close()


@pytest.fixture
def live(running_hub: LiveHub) -> LiveHub:
    running_hub.empty()
    return running_hub


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def hub(live: LiveHub, wire: Wire) -> Iterator[Hub]:
    with Hub(live.api_url, live.portal_token, transport=wire) as hub:
        yield hub


Import = Callable[..., None]


def test_the_hub_grants_the_portal_exactly_these_scopes() -> None:
    assert sorted(PORTAL_SCOPES) == sorted(SCOPES)


def test_a_roster_becomes_users_and_groups(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub, wire: Wire
) -> None:
    import_roster(ROSTER)
    report = sync(database, hub)
    assert live.users == EVERYBODY
    students, staff = {"minji", "dohyun", "홍길동"}, {"prof-lee", "park@example.kr"}
    assert live.groups == {
        f"nbgrader-{OFFERING}": students,
        f"nbgrader-{OTHER}": students,
        f"formgrade-{OFFERING}": staff | {f"grading-{OFFERING}"},
        f"formgrade-{OTHER}": staff | {f"grading-{OTHER}"},
        GRADING_SERVERS: {f"grading-{OFFERING}", f"grading-{OTHER}"},
        ADMINISTRATORS: {"admin"},
    }
    assert set(report.created) == EVERYBODY
    assert wire.changes.count("POST /hub/api/users") == 1


def test_a_second_sync_changes_nothing(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub, wire: Wire
) -> None:
    import_roster(ROSTER)
    sync(database, hub)
    wire.changes.clear()
    wire.reads.clear()
    report = sync(database, hub)
    assert (wire.changes, report.changed) == ([], False)
    assert len(wire.reads) == 2


def test_administrators_get_their_rights_by_group_and_never_the_admin_flag(
    database: Database, live: LiveHub, hub: Hub
) -> None:
    sync(database, hub)
    assert live.look("/users/admin")["admin"] is False
    token = live.token("admin")
    assert live.get("/hub/api/users", token) == 200
    assert live.get("/hub/api/groups", token) == 403


def test_whoever_leaves_loses_the_hub_and_their_running_servers(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub, now: datetime
) -> None:
    import_roster(ROSTER)
    sync(database, hub)
    live.look("/users/minji/server", "POST")
    live.look("/users/minji/servers/second", "POST")
    assert live.can_sign_in("minji")
    token = live.token("minji")
    with database.write() as session:
        withdraw(session, "jc-2026-1", "minji", now)

    busy = sync(database, hub)  # the servers are still starting: the hub would orphan them
    assert (busy.waiting, busy.deleted) == (("minji",), ())
    assert "minji" not in live.groups[f"nbgrader-{OFFERING}"]
    wait_for("both servers' start", lambda: all(x["ready"] for x in live.look("/users/minji")["servers"].values()))
    url = live.look("/users/minji")["servers"]["second"]["url"]
    assert live.get(f"{url}api/status", token) == 200

    wait_for("minji's leaving", lambda: sync(database, hub).deleted == ("minji",))
    assert "minji" not in live.users
    assert live.get("/hub/api/user", token) == 403
    assert not live.can_sign_in("minji")
    wait_for("the servers' end", lambda: not processes_below(live.folder / "homes" / "minji"))
    assert live.can_sign_in("dohyun")


def processes_below(folder: Path) -> list[str]:
    """Processes that run in `folder`."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").readlink() == folder:
                    found.append(process.name)
            except OSError:
                continue
    return found


def test_roles_that_change_move_people_between_groups(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub, now: datetime
) -> None:
    import_roster(ROSTER)
    sync(database, hub)
    with database.write() as session:
        ensure_membership(session, "jc-2026-1", "minji", Role.ASSISTANT, now)
        person = session.get(Person, "admin")
        assert person is not None
        person.is_admin = False
    report = sync(database, hub)
    assert "minji" not in live.groups[f"nbgrader-{OFFERING}"]
    assert "minji" in live.groups[f"formgrade-{OFFERING}"]
    assert live.groups[ADMINISTRATORS] == set()
    assert (report.deleted, report.joined, report.left) == (("admin",), 2, 3)


def test_users_whom_the_campus_does_not_know_are_left_alone(database: Database, live: LiveHub, hub: Hub) -> None:
    live.look("/users", "POST", usernames=["stranger"])
    live.look("/groups/theirs", "POST", users=["stranger"])
    report = sync(database, hub)
    assert report.strangers == ("stranger",)
    assert "stranger" in live.users
    assert live.groups["theirs"] == {"stranger"}


def test_nobody_stays_in_a_campus_group_by_hand(database: Database, live: LiveHub, hub: Hub) -> None:
    live.look("/users", "POST", usernames=["stranger"])
    live.look(f"/groups/formgrade-{OFFERING}", "POST", users=["stranger"])
    sync(database, hub)
    assert live.groups[f"formgrade-{OFFERING}"] == {f"grading-{OFFERING}"}


def test_more_people_than_a_page_holds_are_all_read(
    database: Database, import_roster: Import, live: LiveHub, wire: Wire
) -> None:
    import_roster(ROSTER)
    with Hub(live.api_url, live.portal_token, page=3, transport=wire) as hub:
        sync(database, hub)
        wire.changes.clear()
        assert hub.users().keys() == EVERYBODY
        assert len(hub.groups()) == 6
        assert sync(database, hub).changed is False
    assert wire.changes == []


def test_many_people_are_created_in_batches(
    database: Database, live: LiveHub, hub: Hub, wire: Wire, now: datetime
) -> None:
    with database.write() as session:
        for number in range(CREATED_AT_ONCE + 3):
            ensure_person(session, username=f"user{number}", name="사람", now=now)
            ensure_membership(session, "jc-2026-1", f"user{number}", Role.STUDENT, now)
    assert len(sync(database, hub).created) == CREATED_AT_ONCE + 6
    assert wire.changes.count("POST /hub/api/users") == 2
    assert len(live.groups[f"nbgrader-{OFFERING}"]) == CREATED_AT_ONCE + 3


def test_a_hub_that_was_killed_and_lost_everything_is_made_whole(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub, now: datetime
) -> None:
    import_roster(ROSTER)
    sync(database, hub)
    live.kill()
    with database.write() as session:
        withdraw(session, "jc-2026-1", "dohyun", now)
    with pytest.raises(HubUnavailable, match="doesn't answer") as refusal:
        sync(database, hub)
    assert "응답하지 않습니다" in refusal.value.korean

    results: list[SyncReport | CampusError] = []
    wake, stop = threading.Event(), threading.Event()
    keeper = threading.Thread(
        target=keep_in_sync,
        args=(database, hub),
        kwargs={"wake": wake, "stop": stop, "look_every": 0.2, "on_result": results.append},
    )
    keeper.start()
    try:
        wait_for("a failed try", lambda: results)
        assert isinstance(results[0], HubUnavailable)
        (live.folder / "hub.sqlite").unlink()
        live.start()
        wake.set()
        wait_for("the people's return", lambda: live.users == EVERYBODY - {"dohyun"})

        with database.write() as session:  # as another process would, without waking anybody
            ensure_membership(session, "jc-2026-1", "dohyun", Role.STUDENT, now)
        wait_for("dohyun's return", lambda: "dohyun" in live.groups.get(f"nbgrader-{OFFERING}", ()), 10)

        live.look("/groups/nbgrader-" + OFFERING, "DELETE")  # somebody tinkers with the hub
        wake.set()
        wait_for("the group's return", lambda: live.groups.get(f"nbgrader-{OFFERING}"), 10)
    finally:
        stop.set()
        wake.set()
        keeper.join(timeout=10)
    assert not keeper.is_alive()


def test_a_wrong_token_is_explained(database: Database, live: LiveHub) -> None:
    with Hub(live.api_url, "0" * 64) as hub, pytest.raises(HubRefused, match="BITGOEUL_PORTAL_TOKEN") as refusal:
        sync(database, hub)
    assert refusal.value.code in (401, 403)
    assert "0" * 64 not in str(refusal.value)


def test_the_portals_token_starts_a_learners_server_and_can_let_nobody_in(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub
) -> None:
    import_roster(ROSTER)
    sync(database, hub)
    hub.start_server("minji", user_options={"profile": "gpu-slice"})
    server = hub.active_servers()["minji"]
    assert (server.profile, server.started is not None) == ("gpu-slice", True)
    with pytest.raises(HubRefused):
        hub.share_server("minji", user="prof-lee", scopes=["access:servers"])
    live.stop("minji")


def test_a_grading_server_is_for_its_offerings_staff_alone(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub, now: datetime
) -> None:
    import_roster(ROSTER)
    with pytest.raises(Conflict, match="doesn't know the grading server"):
        ensure_grading_server(hub, OFFERING)
    sync(database, hub)
    path = ensure_grading_server(hub, OFFERING)
    assert path == f"/user/grading-{OFFERING}/"
    started = live.look(f"/users/grading-{OFFERING}")["servers"][""]["started"]

    assert ensure_grading_server(hub, OFFERING) == path
    assert live.look(f"/users/grading-{OFFERING}")["servers"][""]["started"] == started

    outsider, instructor = live.token("minji"), live.token("prof-lee")
    assert live.get(f"{path}api/status", instructor) == 200
    assert live.get(f"{path}api/status", live.token("park@example.kr")) == 200
    assert live.get(f"{path}api/status", outsider) == 403
    assert live.get(f"{path}api/status", live.token("admin")) == 403

    with database.write() as session:
        withdraw(session, "jc-2026-1", "prof-lee", now)
        ensure_membership(session, "jc-2026-1", "minji", Role.ASSISTANT, now)
    sync(database, hub)
    ensure_grading_server(hub, OFFERING)
    wait_for("the end of the instructor's access", lambda: live.get(f"{path}api/status", instructor) in (302, 403))
    wait_for("the new assistant's access", lambda: live.get(f"{path}api/status", outsider) == 200)
    live.stop(f"grading-{OFFERING}")


def test_whoever_is_no_longer_staff_loses_the_grading_server_even_if_the_hub_forgot(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub, now: datetime
) -> None:
    import_roster(ROSTER)
    sync(database, hub)
    path = ensure_grading_server(hub, OFFERING)
    instructor, assistant = live.token("prof-lee"), live.token("park@example.kr")
    assert live.get(f"{path}api/status", instructor) == 200
    with database.write() as session:
        ensure_membership(session, "jc-2026-1", "prof-lee", Role.STUDENT, now)
    sync(database, hub)
    wait_for("the end of access", lambda: live.get(f"{path}api/status", instructor) == 403)

    live.look(f"/groups/formgrade-{OFFERING}/users", "DELETE", users=["park@example.kr"])  # by hand, the share stays
    assert live.get(f"{path}api/status", assistant) == 200
    ensure_grading_server(hub, OFFERING)
    wait_for("the end of access", lambda: live.get(f"{path}api/status", assistant) == 403)
    live.stop(f"grading-{OFFERING}")


def test_a_grading_server_that_does_not_come_up_is_reported(database: Database, live: LiveHub, hub: Hub) -> None:
    sync(database, hub)
    reason = live.folder / f"refuse-grading-{OTHER}"
    reason.touch()
    try:
        with pytest.raises(GradingServerFailed, match="stopped while it was starting"):
            ensure_grading_server(hub, OTHER, timeout=20)
    finally:
        reason.unlink()
    ensure_grading_server(hub, OTHER, timeout=20)
    live.stop(f"grading-{OTHER}")


def test_one_name_that_the_hub_dislikes_keeps_nobody_else_out(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub
) -> None:
    import_roster(ROSTER + "이름플러스,name+plus,학생\n")
    report = sync(database, hub)
    assert list(report.refused) == ["name+plus"]
    assert "Invalid username" in report.refused["name+plus"]
    assert live.users == EVERYBODY
    assert sync(database, hub).changed is False


def test_the_wish_is_read_from_the_database_alone(database: Database, import_roster: Import, now: datetime) -> None:
    import_roster(ROSTER)
    with database.write() as session:
        ensure_person(session, username="alumna", name="졸업생", now=now)
        withdraw(session, "jc-2026-1", "minji", now)
    with database.read() as session:
        wish = desired_state(session)
    assert wish.users == EVERYBODY - {"minji"}
    assert {"alumna", "minji"} <= wish.knows
    assert "minji" not in wish.groups[f"nbgrader-{OFFERING}"]


class Failing(httpx.HTTPTransport):
    """A wire that breaks at one call: what came before has happened, what comes after has not."""

    def __init__(self, breaks_at: int) -> None:
        super().__init__()
        self.left = breaks_at

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            if not self.left:
                raise httpx.ConnectError("cut", request=request)
            self.left -= 1
        return super().handle_request(request)


@pytest.mark.parametrize("breaks_at", [0, 3])
def test_a_sync_that_broke_off_is_finished_by_the_next(
    database: Database, import_roster: Import, live: LiveHub, hub: Hub, wire: Wire, breaks_at: int
) -> None:
    import_roster(ROSTER)
    with (
        Hub(live.api_url, live.portal_token, transport=Failing(breaks_at)) as broken,
        pytest.raises(HubUnavailable),
    ):
        sync(database, broken)
    sync(database, hub)
    wire.changes.clear()
    assert not sync(database, hub).changed
    assert live.users == EVERYBODY
    assert wire.changes == []
