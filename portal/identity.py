"""Who is asking: a person with the portal's session cookie, or a program with a hub token. Trusts nothing else.

The cookie carries a hub token, signed and out of reach of scripts; the hub is asked about it again every minute. Unsafe
methods with a cookie need a CSRF token, which is derived from the session and so good for that session only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import exists, select
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from cohorts.database import Database
from cohorts.errors import CampusError, Forbidden
from cohorts.models import Membership, MembershipState, Offering, Person
from portal.context import Campus, campus
from portal.hub_sign_in import TokenOwner
from portal.settings import PortalSettings

SESSION_COOKIE = "bitgoeul-session"
LOCALE_COOKIE = "bitgoeul-locale"
SESSION_SECONDS = 12 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
GRADING_PREFIX = "grading-"
LOCALES = ("ko", "en")


class SignInNeeded(CampusError):
    """Nobody is signed in, or the hub no longer knows the token."""

    status = 401

    def __init__(self) -> None:
        super().__init__(
            "Sign in first. Programs send a hub token: 'Authorization: token <token>'.",
            "먼저 로그인하세요. 프로그램은 'Authorization: token <토큰>' 헤더로 허브 토큰을 보냅니다.",
        )


@dataclass(frozen=True)
class Identity:
    """Who is asking. `is_admin` is never true for a server's own token, whosever server it is."""

    username: str
    name: str
    is_admin: bool
    locale: str
    via: Literal["cookie", "token"]
    csrf: str = ""


@dataclass(frozen=True)
class Known:
    """What the campus knows of somebody whom the hub has identified."""

    name: str
    is_admin: bool
    locale: str | None


async def current_user(request: Request) -> Identity:
    """Who is asking. SignInNeeded (401) if nobody is, Forbidden (403) without a place on this campus or CSRF token."""
    if (known := getattr(request.state, "identity", None)) is not None:
        return known  # type: ignore[no-any-return]
    here = campus(request)
    if header := request.headers.get("authorization"):
        identity = await _from_token(request, here, header)
    else:
        identity = await _from_cookie(request, here)
        if request.method not in SAFE_METHODS:
            await _check_csrf(request, here, identity.csrf)
    request.state.identity = identity
    return identity


async def _from_token(request: Request, here: Campus, header: str) -> Identity:
    kind, _, token = header.partition(" ")
    if kind.lower() not in ("token", "bearer") or not (token := token.strip()):
        raise SignInNeeded
    owner = await here.sign_in.owner(token)
    if owner is None:
        raise SignInNeeded
    known = await _admit(here, owner)
    is_admin = known.is_admin and not owner.is_servers
    return Identity(owner.username, known.name, is_admin, pick_locale(request, here.settings, known.locale), "token")


async def _from_cookie(request: Request, here: Campus) -> Identity:
    token = session_token(request, here.settings)
    owner = await here.sign_in.owner(token) if token else None
    if token is None or owner is None:
        raise SignInNeeded
    known = await _admit(here, owner)
    return Identity(
        owner.username,
        known.name,
        known.is_admin,
        pick_locale(request, here.settings, known.locale),
        "cookie",
        csrf_token(here.settings, token),
    )


async def _admit(here: Campus, owner: TokenOwner) -> Known:
    if not owner.may_enter:
        raise Forbidden(
            "This token was not given for the portal (it lacks the scope access:services!service=portal).",
            "이 토큰은 포털용으로 발급된 것이 아닙니다(access:services!service=portal 권한이 없습니다).",
        )
    known = await run_in_threadpool(look_up, here.database, owner.username)
    if known is None:
        raise Forbidden(
            f"You are signed in as {owner.username}, who is on no roster of this campus at present. "
            "Ask your programme office to put you on one.",
            f"{owner.username}(으)로 로그인했지만 지금 어느 명단에도 없습니다. 운영 사무실에 명단 등록을 요청하세요.",
        )
    return known


def look_up(database: Database, username: str) -> Known | None:
    """What the campus knows of `username`: somebody who takes part now, an administrator, or a grading server's user.

    Somebody who was withdrawn is out here at once, and at the hub with its next sync.
    """
    with database.read() as session:
        if person := session.get(Person, username):
            active = exists().where(Membership.username == username, Membership.state == MembershipState.ACTIVE)
            takes_part = person.is_admin or session.scalar(select(active))
            return Known(person.name, person.is_admin, person.locale) if takes_part else None
        offering_id = username.removeprefix(GRADING_PREFIX)
        if offering_id != username and session.get(Offering, offering_id) is not None:
            return Known(username, False, None)
    return None


def pick_locale(request: HTTPConnection, settings: PortalSettings, preferred: str | None = None) -> str:
    """The language to speak: the one switched to, the person's own, or the campus's."""
    for locale in (request.cookies.get(LOCALE_COOKIE), preferred):
        if locale in LOCALES:
            return locale
    return settings.locale


def serializer(settings: PortalSettings, purpose: str) -> URLSafeTimedSerializer:
    """Signs values for the browser to keep; what is signed for one purpose is worth nothing for another."""
    return URLSafeTimedSerializer(settings.session_secret, salt=f"bitgoeul-{purpose}")


def session_token(request: HTTPConnection, settings: PortalSettings) -> str | None:
    """The hub token in the session cookie; None if there is no cookie, or it is forged or old."""
    try:
        token = serializer(settings, "session").loads(request.cookies.get(SESSION_COOKIE, ""), max_age=SESSION_SECONDS)
    except BadSignature:
        return None
    return token if isinstance(token, str) else None


def set_session(response: Response, here: Campus, token: str) -> None:
    """Sign the browser in."""
    response.set_cookie(
        SESSION_COOKIE,
        serializer(here.settings, "session").dumps(token),
        max_age=SESSION_SECONDS,
        path=here.prefix + "/",
        secure=here.settings.public_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


def end_session(response: Response, here: Campus) -> None:
    """Sign the browser out of the portal."""
    response.delete_cookie(SESSION_COOKIE, path=here.prefix + "/", httponly=True, samesite="lax")


def csrf_token(settings: PortalSettings, token: str) -> str:
    """The CSRF token of the session that carries hub token `token`."""
    key = settings.session_secret.encode()
    return hmac.new(key, b"bitgoeul-csrf:" + hashlib.sha256(token.encode()).digest(), hashlib.sha256).hexdigest()


async def _check_csrf(request: Request, here: Campus, expected: str) -> None:
    given = request.headers.get("x-csrf-token", "")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form_kinds = ("application/x-www-form-urlencoded", "multipart/form-data")
    # the API's bodies are its handlers' to read, in bounds of their own: there the header is the only way
    if not given and kind in form_kinds and not request.url.path.startswith(here.prefix + "/api/"):
        form: FormData = await request.form()
        value = form.get("_csrf")
        given = value if isinstance(value, str) else ""
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Forbidden(
            "This form is out of date or came from elsewhere; nothing was changed. Reload the page and try again.",
            "양식이 오래되었거나 다른 곳에서 온 요청이라 반영하지 않았습니다. 페이지를 새로 고친 뒤 다시 시도하세요.",
        )


def safe_next(value: str | None, prefix: str) -> str:
    """`value` if it is a path of the portal, else the portal's front page: a link can't send people elsewhere."""
    home = prefix + "/"
    if not value or not value.startswith(home) or re.search(r"[\x00-\x20\\\x7f]", value) or ".." in value:
        return home
    parts = urlsplit(value)
    return value if not parts.scheme and not parts.netloc else home
