"""Who may use which route: every route, twelve kinds of callers. A route that is missing here fails the test."""

from __future__ import annotations

import http.cookiejar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fake_hub import PREFIX
from fastapi import APIRouter
from lending_site import LEASE_TOKEN, NODE_TOKEN, TOKENS, declare, plan
from portal_site import COURSE, Site, fill, hand_in, run_site
from waiting import wait_for

from cohorts.roster import preview_roster
from grader.models import MarkingState
from portal.app import ROUTERS
from portal.rules import RULES, RouteWithoutRule, Who, check_complete

STUDENT, OTHER_STUDENT = "haneul.lee", "other.student"
INSTRUCTOR, ASSISTANT, OTHER_INSTRUCTOR, ADMIN = "yuna.kim", "jun.park", "other.teacher", "sera.oh"
GRADING, OTHER_GRADING = f"grading-{COURSE}", "grading-jc-2026-2-python-data"
ANYBODY = "nobody"
ADMINS_LAB = "the lab of sera.oh"
HUB, NODE = "the hub", "a node's agent"
CALLERS = (
    ANYBODY,
    STUDENT,
    OTHER_STUDENT,
    INSTRUCTOR,
    ASSISTANT,
    OTHER_INSTRUCTOR,
    ADMIN,
    ADMINS_LAB,
    GRADING,
    OTHER_GRADING,
    HUB,
    NODE,
)
STAFF = {INSTRUCTOR, ASSISTANT, GRADING}
MAY = {
    Who.ANYONE: set(CALLERS),
    Who.SIGNED_IN: set(CALLERS) - {ANYBODY, HUB, NODE},
    Who.MEMBER: STAFF | {STUDENT},
    Who.STAFF: STAFF,
    Who.COHORT: {ADMIN, INSTRUCTOR, ASSISTANT},
    Who.ADMIN: {ADMIN},
    Who.METRICS: set(),
    Who.HUB: {HUB},
    Who.NODE: {NODE},
}
# where the rows decide and not the path
BY_ROW = {
    ("GET", "/feedback/{attempt_id}"): STAFF | {STUDENT},
    ("GET", "/feedback/{attempt_id}/{name}"): STAFF | {STUDENT},
}
NOT_YOURS = ("You have no course", "There is no cohort", "There is no feedback for you here")


@pytest.fixture(scope="module")
def campus_with_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, str]]]:
    """A campus, and values for the paths' parameters that exist in it."""
    folder = tmp_path_factory.mktemp("rules") / "data"
    declare(folder)
    with run_site(folder, **TOKENS) as site:
        fill(site)
        plan(site, begins=timedelta(days=1))
        attempt = hand_in(site.campus, COURSE, "first-steps", STUDENT, score=1, max_score=2, feedback="<p>ok</p>")
        hand_in(site.campus, COURSE, "first-steps", "minseo.kim", state=MarkingState.FAILED)
        with site.campus.database.write() as session:
            rows = "아이디,이름\n" + "".join(f"{name},{name}\n" for name in ("haneul.lee", "minseo.kim"))
            now = datetime.now(UTC) - timedelta(minutes=1)
            preview = preview_roster(
                session, cohort_id="jc-2026-1", filename="r.csv", data=rows.encode(), by=ADMIN, now=now
            )
        wait_for("the sync creates the grading server's user", lambda: GRADING in site.hub.users)
        yield (
            site,
            {
                "{offering_id}": COURSE,
                "{course}": COURSE,
                "{cohort_id}": "jc-2026-1",
                "{attempt_id}": str(attempt),
                "{marking_id}": "1",
                "{import_id}": str(preview.id),
                "{name}": "first-steps.html",
                "{username}": STUDENT,
                "{lease_id}": "1",
                "{number}": "1",
                # releasing takes seconds of nbgrader's: a name that doesn't exist gets past the rule just as well
                "{assignment}": "first-steps",
            },
        )


def caller(site: Site, who: str) -> httpx.Client:
    if who == ADMINS_LAB:
        scopes = ["users:activity!user=sera.oh", "access:servers!server=sera.oh/", "access:services!service=portal"]
        client = site.program("sera.oh", scopes)
    elif who.startswith("grading-"):
        client = site.program(who)
    elif who in (HUB, NODE):
        client = site.client()
        client.headers["Authorization"] = f"token {LEASE_TOKEN if who == HUB else NODE_TOKEN}"
    else:
        client = site.client(None if who == ANYBODY else who, locale="en")
    client.cookies.set("bitgoeul-locale", "en")
    return client


@pytest.fixture(scope="module")
def callers(campus_with_all: tuple[Site, dict[str, str]]) -> dict[str, httpx.Client]:
    """A browser or program for each caller. Answers may not change who they are: signing out, for one."""
    site, _ = campus_with_all
    clients = {who: caller(site, who) for who in CALLERS}
    for client in clients.values():
        kept = [(cookie.name, cookie.value) for cookie in client.cookies.jar]
        client.cookies.jar.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        client.cookies.jar.clear()
        client.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in kept)
    return clients


def turned_away(client: httpx.Client, method: str, path: str) -> bool:
    """Whether the answer is that this caller may not; reads no more of a stream than its head."""
    with client.stream(method, path) as answer:
        if answer.status_code in (401, 403):
            return True
        if answer.status_code == 303:
            return "/sign-in" in answer.headers["location"]
        if answer.status_code == 404:
            text = answer.read().decode()
            return any(sentence in text for sentence in NOT_YOURS)
        assert answer.status_code < 500, (method, path, answer.status_code, answer.read()[:500])
        return False


@pytest.mark.parametrize(("method", "path"), sorted(RULES), ids=lambda value: value)
def test_only_those_whom_the_rule_names_get_past_it(
    campus_with_all: tuple[Site, dict[str, str]], callers: dict[str, httpx.Client], method: str, path: str
) -> None:
    _, values = campus_with_all
    expected = BY_ROW.get((method, path), MAY[RULES[method, path]])
    address = path
    for name, value in values.items():
        address = address.replace(name, value)
    if method == "POST" and path.rsplit("/", 1)[-1] in ("release", "release-check"):
        address = address.replace("/first-steps/", "/no-such-assignment/", 1)
        if "/feedback/" in path:
            address = address.replace("/no-such-assignment/", "/first-steps/")
    let_in = {who for who in CALLERS if not turned_away(callers[who], method, address)}
    assert let_in == expected


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    check_complete(ROUTERS)
    routes = sum(len(route.methods) for router in ROUTERS for route in router.routes)
    assert routes == len(RULES)


def test_a_route_without_a_rule_keeps_the_portal_from_starting() -> None:
    router = APIRouter()

    @router.get("/secret")
    def secret() -> str:
        return "everybody could read this"

    with pytest.raises(RouteWithoutRule, match="/secret"):
        check_complete([*ROUTERS, router])


def test_the_walk_covers_every_address_the_application_answers(campus_with_all: tuple[Site, dict[str, str]]) -> None:
    """What OpenAPI lists is what the table lists; beside it there are only the two folders of static files."""
    site, _ = campus_with_all
    described = site.client().get("/api/openapi.json").json()["paths"]
    listed = {
        (method.upper(), path.removeprefix("/services/portal")) for path in described for method in described[path]
    }
    assert listed == {(method, path) for method, path in RULES if path.startswith("/api/")} - {
        ("GET", "/api/openapi.json")
    }
    mounted = {route.path for route in site.app.routes if hasattr(route, "app") and hasattr(route, "path")}
    assert {path for path in mounted if path} == {f"{PREFIX}/static", f"{PREFIX}/static/htmx"}


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/services/portal/docs", "/static/../app.py"])
def test_nothing_answers_where_no_route_is(campus_with_all: tuple[Site, dict[str, str]], path: str) -> None:
    site, _ = campus_with_all
    assert httpx.get(site.origin + path, trust_env=False).status_code == 404


def test_static_files_do_not_leak_what_lies_beside_them(campus_with_all: tuple[Site, dict[str, str]]) -> None:
    site, _ = campus_with_all
    for path in ("/static/%2e%2e/settings.py", "/static/htmx/%2e%2e/package.json", "/static/..%2fapp.py"):
        assert httpx.get(site.url + path, trust_env=False).status_code == 404
    assert not (Path(site.settings.data) / "static").exists()
