"""Who may use which route. Deny by default: a route that isn't listed here refuses everybody, and stops the start-up.

The table is the first of two guards: it answers from the path alone, before a handler runs. Handlers ask
`cohorts.access` again about the very rows they touch.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from enum import StrEnum

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from cohorts.access import require_admin, require_member, require_staff, role_in_cohort
from cohorts.errors import CampusError, Forbidden, NotFound
from portal.context import Campus, campus
from portal.identity import Identity, current_user


class Who(StrEnum):
    """Who may use a route."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    MEMBER = "member of the offering"
    STAFF = "staff of the offering"
    COHORT = "administrator, or staff of the cohort"
    ADMIN = "administrator"
    METRICS = "holder of the metrics token"
    HUB = "the hub, by the lease token"
    NODE = "a node's agent, by the node token"


Rules = dict[tuple[str, str], Who]

PAGES: Rules = {
    ("GET", "/"): Who.SIGNED_IN,
    ("GET", "/sign-in"): Who.ANYONE,
    ("GET", "/oauth_callback"): Who.ANYONE,
    ("POST", "/sign-out"): Who.SIGNED_IN,
    ("POST", "/locale"): Who.ANYONE,
    ("GET", "/learn/{offering_id}/{assignment}"): Who.MEMBER,
    ("GET", "/feedback/{attempt_id}"): Who.SIGNED_IN,
    ("GET", "/feedback/{attempt_id}/{name}"): Who.SIGNED_IN,
    ("GET", "/teach"): Who.SIGNED_IN,
    ("GET", "/teach/{offering_id}"): Who.STAFF,
    ("GET", "/teach/{offering_id}/marks"): Who.STAFF,
    ("GET", "/teach/{offering_id}/marks.csv"): Who.STAFF,
    ("POST", "/teach/{offering_id}/grading-server"): Who.STAFF,
    ("GET", "/teach/{offering_id}/assignments/{assignment}"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/release"): Who.STAFF,
    ("GET", "/teach/{offering_id}/assignments/{assignment}/release-check"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/release-check"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/feedback"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/retry"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/extensions"): Who.STAFF,
    ("GET", "/teach/{offering_id}/assignments/{assignment}/policy"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/policy/preview"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/policy"): Who.STAFF,
    ("GET", "/teach/{offering_id}/assignments/{assignment}/regrade"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/regrade"): Who.STAFF,
    ("GET", "/teach/{offering_id}/assignments/{assignment}/regrades/{regrade_id}"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/regrades/{regrade_id}/apply"): Who.STAFF,
    ("POST", "/teach/{offering_id}/assignments/{assignment}/regrades/{regrade_id}/drop"): Who.STAFF,
    ("GET", "/teach/{offering_id}/assignments/{assignment}/attempts/{attempt_id}"): Who.STAFF,
    ("GET", "/cohorts"): Who.ADMIN,
    ("POST", "/cohorts"): Who.ADMIN,
    ("GET", "/cohorts/{cohort_id}"): Who.ADMIN,
    ("GET", "/cohorts/{cohort_id}/passwords"): Who.ADMIN,
    ("POST", "/cohorts/{cohort_id}/roster"): Who.ADMIN,
    ("GET", "/cohorts/{cohort_id}/roster/{import_id}"): Who.ADMIN,
    ("POST", "/cohorts/{cohort_id}/roster/{import_id}/apply"): Who.ADMIN,
    ("POST", "/cohorts/{cohort_id}/roster/{import_id}/drop"): Who.ADMIN,
}

GRADING: Rules = {
    ("GET", "/api/health"): Who.ANYONE,
    ("GET", "/api/openapi.json"): Who.ANYONE,
    ("GET", "/api/me"): Who.SIGNED_IN,
    ("GET", "/api/me/assignments"): Who.SIGNED_IN,
    ("GET", "/api/me/offerings/{offering_id}/assignments/{assignment}"): Who.MEMBER,
    ("GET", "/api/offerings/{offering_id}"): Who.MEMBER,
    ("GET", "/api/offerings/{offering_id}/assignments"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/marks"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/marks.csv"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/grading-server"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/release"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/release-check"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/release-check"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/submissions"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/progress"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/extensions"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/policy"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/policy/preview"): Who.STAFF,
    ("PUT", "/api/offerings/{offering_id}/assignments/{assignment}/policy"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/feedback/release"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/marking/retry"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/regrades"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/regrades"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/regrades/{regrade_id}"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/regrades/{regrade_id}/progress"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/regrades/{regrade_id}/apply"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/regrades/{regrade_id}/drop"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/marking/failed"): Who.STAFF,
    ("POST", "/api/offerings/{offering_id}/assignments/{assignment}/marking/{marking_id}/retry"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/questions"): Who.STAFF,
    ("GET", "/api/offerings/{offering_id}/assignments/{assignment}/attempts/{attempt_id}/events"): Who.MEMBER,
    ("GET", "/api/metrics"): Who.METRICS,
}

# The exchange names the offering `course`, nbgrader's word for it; who may do what within is its own business.
EXCHANGE: Rules = {
    ("GET", "/api/exchange/courses"): Who.SIGNED_IN,
    ("GET", "/api/exchange/assignments"): Who.SIGNED_IN,
    ("GET", "/api/exchange/attempts"): Who.SIGNED_IN,
    ("GET", "/api/exchange/{course}/{assignment}/release"): Who.MEMBER,
    ("PUT", "/api/exchange/{course}/{assignment}/release"): Who.STAFF,
    ("DELETE", "/api/exchange/{course}/{assignment}/release"): Who.STAFF,
    ("POST", "/api/exchange/{course}/{assignment}/attempts"): Who.MEMBER,
    ("GET", "/api/exchange/{course}/{assignment}/attempts"): Who.MEMBER,
    ("GET", "/api/exchange/{course}/{assignment}/attempts/{attempt_id}/files"): Who.MEMBER,
    ("GET", "/api/exchange/{course}/{assignment}/feedback"): Who.MEMBER,
    ("GET", "/api/exchange/{course}/{assignment}/feedback/{attempt_id}"): Who.MEMBER,
    ("PUT", "/api/exchange/{course}/{assignment}/feedback/{username}"): Who.STAFF,
}

COHORTS: Rules = {
    ("GET", "/api/cohorts"): Who.ADMIN,
    ("POST", "/api/cohorts"): Who.ADMIN,
    ("GET", "/api/cohorts/{cohort_id}"): Who.ADMIN,
    ("GET", "/api/cohorts/{cohort_id}/members"): Who.COHORT,
    ("POST", "/api/cohorts/{cohort_id}/roster"): Who.ADMIN,
    ("GET", "/api/roster-imports/{import_id}"): Who.ADMIN,
    ("POST", "/api/roster-imports/{import_id}/apply"): Who.ADMIN,
    ("POST", "/api/roster-imports/{import_id}/drop"): Who.ADMIN,
    ("GET", "/api/me/offerings"): Who.SIGNED_IN,
}

HARDWARE: Rules = {
    ("GET", "/lab"): Who.SIGNED_IN,
    ("GET", "/hardware"): Who.SIGNED_IN,
    ("POST", "/hardware"): Who.SIGNED_IN,
    ("GET", "/waiting"): Who.SIGNED_IN,
    ("POST", "/waiting/leave"): Who.SIGNED_IN,
    ("GET", "/gpus"): Who.ADMIN,
    ("POST", "/gpus/nodes/{name}"): Who.ADMIN,
    ("GET", "/cohorts/{cohort_id}/timetable"): Who.COHORT,
    ("POST", "/cohorts/{cohort_id}/timetable"): Who.COHORT,
    ("POST", "/cohorts/{cohort_id}/timetable/{number}/remove"): Who.COHORT,
    ("POST", "/api/gpus/grants"): Who.HUB,
    ("POST", "/api/gpus/leases/{lease_id}/running"): Who.HUB,
    ("POST", "/api/gpus/leases/{lease_id}/ended"): Who.HUB,
    ("POST", "/api/gpus/engine"): Who.HUB,
    ("POST", "/api/gpus/readings"): Who.NODE,
    ("GET", "/api/gpus/profiles"): Who.SIGNED_IN,
    ("GET", "/api/gpus/mine"): Who.SIGNED_IN,
    ("GET", "/api/gpus/mine/events"): Who.SIGNED_IN,
    ("POST", "/api/gpus/mine"): Who.SIGNED_IN,
    ("DELETE", "/api/gpus/mine/ticket"): Who.SIGNED_IN,
    ("POST", "/api/gpus/activity"): Who.SIGNED_IN,
    ("GET", "/api/gpus/stock"): Who.ADMIN,
    ("GET", "/api/gpus/leases"): Who.ADMIN,
    ("GET", "/api/gpus/use"): Who.ADMIN,
    ("PUT", "/api/gpus/nodes/{name}"): Who.ADMIN,
    ("GET", "/api/cohorts/{cohort_id}/timetable"): Who.COHORT,
    ("POST", "/api/cohorts/{cohort_id}/timetable"): Who.COHORT,
    ("DELETE", "/api/cohorts/{cohort_id}/timetable/{number}"): Who.COHORT,
}

RULES: Rules = PAGES | GRADING | EXCHANGE | COHORTS | HARDWARE


class ProgramUnknown(CampusError):
    """A program of the campus that doesn't show the token for what it asks."""

    status = 401


class RouteWithoutRule(Exception):
    """A route that no rule speaks of: add it to `portal.rules`."""


def check_complete(routers: Iterable[APIRouter]) -> None:
    """RouteWithoutRule if a route isn't listed, or a rule has no route."""
    routes = {
        (method, route.path)  # type: ignore[attr-defined]
        for router in routers
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    if missing := sorted(routes - RULES.keys()):
        raise RouteWithoutRule(f"no rule says who may use {missing}")
    if stale := sorted(RULES.keys() - routes):
        raise RouteWithoutRule(f"rules speak of routes that do not exist: {stale}")


async def enforce(request: Request) -> None:
    """The dependency of every route: raises SignInNeeded, Forbidden or NotFound where the table says so."""
    path = request.scope["route"].path
    here = campus(request)
    who = RULES.get((request.method, path.removeprefix(here.prefix)))
    if who is None:
        raise Forbidden("Nobody may use this address.", "이 주소는 아무도 사용할 수 없습니다.")
    if who is Who.ANYONE:
        return
    if who is Who.METRICS:
        require_metrics_token(request, here.settings.metrics_token)
        return
    if who in (Who.HUB, Who.NODE):
        require_program_token(request, here.settings.lease_token if who is Who.HUB else here.settings.node_token)
        return
    identity = await current_user(request)
    if who is not Who.SIGNED_IN:
        await run_in_threadpool(_require, here, identity, who, request.path_params)


def require_metrics_token(request: Request, expected: str) -> None:
    """Forbidden unless the request carries the metrics token; where none is set, nobody does."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    right = kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected.encode())
    if not expected or not right:
        raise Forbidden(
            "Metrics are for programs that send 'Authorization: Bearer <BITGOEUL_METRICS_TOKEN>'.",
            "지표는 'Authorization: Bearer <BITGOEUL_METRICS_TOKEN>' 헤더를 보내는 프로그램만 읽을 수 있습니다.",
        )


def require_program_token(request: Request, expected: str) -> None:
    """ProgramUnknown (401) unless the request carries that token; where none is set, nobody does."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    right = kind.lower() == "token" and hmac.compare_digest(given.strip().encode(), expected.encode())
    if not expected or not right:
        raise ProgramUnknown(
            "Only the campus's own programs may ask here. Give hub and portal the same BITGOEUL_LEASE_TOKEN, and nodes "
            "and portal the same BITGOEUL_NODE_TOKEN.",
            "캠퍼스의 프로그램만 쓸 수 있는 주소입니다. 허브와 포털에는 같은 BITGOEUL_LEASE_TOKEN을, 노드와 포털에는 "
            "같은 BITGOEUL_NODE_TOKEN을 설정해 주세요.",
        )


def _require(here: Campus, identity: Identity, who: Who, params: dict[str, str]) -> None:
    with here.database.read() as session:
        if who is Who.ADMIN:
            if not identity.is_admin:
                raise Forbidden("Only administrators may do this.", "관리자만 할 수 있습니다.")
            require_admin(session, identity.username)
            return
        if who is Who.COHORT:
            role = role_in_cohort(session, identity.username, params["cohort_id"])
            if not identity.is_admin and (role is None or not role.is_staff):
                raise NotFound("There is no cohort of this name for you.", "이런 이름의 기수가 없습니다.")
            return
        offering_id = params.get("offering_id") or params["course"]
        (require_staff if who is Who.STAFF else require_member)(session, identity.username, offering_id)
