"""Signing in and out through the hub, and the switch of languages. Owns the two cookies of the way in.

The state cookie is signed, lasts ten minutes, holds the PKCE verifier and is bound to one sign-in: an answer that this
browser didn't ask for is refused.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from itsdangerous import BadSignature
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from cohorts.errors import CampusError, Forbidden, Invalid
from cohorts.models import Person
from portal.context import Campus, campus
from portal.identity import (
    LOCALE_COOKIE,
    LOCALES,
    Identity,
    current_user,
    end_session,
    safe_next,
    serializer,
    session_token,
    set_session,
)

router = APIRouter(include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
STATE_COOKIE = "bitgoeul-sign-in-"
STATE_SECONDS = 600
LOCALE_SECONDS = 400 * 24 * 3600


@router.get("/sign-in")
async def sign_in(here: Here, next: str = "") -> Response:
    """Send the browser to the hub, and remember where it wanted to go."""
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    response = RedirectResponse(here.sign_in.authorize_url(state, verifier), 303)
    kept = {"state": state, "verifier": verifier, "next": safe_next(next, here.prefix)}
    response.set_cookie(
        _cookie_of(state),
        serializer(here.settings, "sign-in").dumps(kept),
        max_age=STATE_SECONDS,
        path=here.prefix + "/",
        secure=here.settings.public_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/oauth_callback")
async def oauth_callback(request: Request, here: Here, state: str = "", code: str = "", error: str = "") -> Response:
    """The hub's answer: its code becomes a session, and the browser goes where it wanted to."""
    if error:
        raise Forbidden(
            f"The hub did not sign you in ({error[:80]}). Try again, or ask your programme office.",
            f"허브 로그인이 거절되었습니다({error[:80]}). 다시 시도하거나 운영 사무실에 문의하세요.",
        )
    try:
        cookie = request.cookies.get(_cookie_of(state), "")
        kept = serializer(here.settings, "sign-in").loads(cookie, max_age=STATE_SECONDS)
    except BadSignature:
        kept = None
    if not isinstance(kept, dict) or not hmac.compare_digest(str(kept["state"]).encode(), state.encode()):
        raise Invalid(
            "This sign-in was not begun in this browser, or longer than ten minutes ago. Sign in again.",
            "이 브라우저에서 시작한 로그인이 아니거나 10분이 지났습니다. 다시 로그인하세요.",
        )
    token = await here.sign_in.redeem(code, kept["verifier"])
    if token is None:
        raise Invalid(
            "The hub did not accept this sign-in. Sign in again.",
            "허브가 로그인을 확인하지 못했습니다. 다시 로그인하세요.",
        )
    response = RedirectResponse(safe_next(kept["next"], here.prefix), 303)
    set_session(response, here, token)
    response.delete_cookie(_cookie_of(state), path=here.prefix + "/", httponly=True, samesite="lax")
    return response


@router.post("/sign-out")
async def sign_out(request: Request, here: Here, _user: User) -> Response:
    """End the portal's session, then the hub's, which takes back the tokens that came of it."""
    if token := session_token(request, here.settings):
        here.sign_in.forget(token)
    response = RedirectResponse(here.sign_in.logout_path, 303)
    end_session(response, here)
    return response


@router.post("/locale")
async def switch_locale(
    request: Request,
    here: Here,
    locale: Annotated[str, Form()],
    next: Annotated[str, Form()] = "",
) -> Response:
    """Speak `locale` to this browser from now on, and to this person elsewhere too."""
    if locale not in LOCALES:
        raise Invalid(
            f"The portal speaks {' and '.join(LOCALES)}, not {locale[:20]!r}.", "한국어(ko)와 영어(en)만 지원합니다."
        )
    response = RedirectResponse(safe_next(next, here.prefix), 303)
    response.set_cookie(
        LOCALE_COOKIE,
        locale,
        max_age=LOCALE_SECONDS,
        path=here.base_path,
        secure=here.settings.public_url.startswith("https:"),
        samesite="lax",
    )
    try:
        user = await current_user(request)
    except CampusError:
        return response  # nobody is signed in: then the cookie is all there is
    await run_in_threadpool(_prefer, here, user.username, locale)
    return response


def _prefer(here: Campus, username: str, locale: str) -> None:
    with here.database.write() as session:
        if person := session.get(Person, username):
            person.locale = locale


def _cookie_of(state: str) -> str:
    """One cookie for each sign-in under way, so that two tabs don't meet."""
    return STATE_COOKIE + "".join(letter for letter in state[:12] if letter.isascii() and letter.isalnum())
