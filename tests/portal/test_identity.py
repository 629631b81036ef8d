"""Signing in through the hub, what a session and a token are worth, and for how long."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fake_hub import PREFIX
from portal_site import PEOPLE, Site, make_settings

from cohorts.people import withdraw
from portal.hub_sign_in import RECHECK_SECONDS
from portal.identity import SESSION_COOKIE, safe_next, serializer

PORTAL_SCOPE = "access:services!service=portal"


def browser(site: Site, hub_user: str | None = None) -> httpx.Client:
    """A browser that the hub knows as `hub_user`."""
    client = httpx.Client(trust_env=False, base_url=site.origin, verify=False)
    if hub_user:
        client.cookies.set("fake-hub-user", hub_user, domain="127.0.0.1", path="/")
    return client


def follow_sign_in(client: httpx.Client, path: str) -> httpx.Response:
    """Ask for `path` and go where each answer points, as a browser does; the last answer."""
    answer = client.get(path)
    for _ in range(6):
        if answer.status_code not in (302, 303):
            return answer
        answer = client.get(answer.headers["location"])
    raise AssertionError("redirects go round in circles")


def test_somebody_who_is_signed_in_at_the_hub_gets_the_page_they_asked_for(site: Site) -> None:
    with browser(site, "haneul.lee") as client:
        page = follow_sign_in(client, f"{PREFIX}/learn/jc-2026-1-python-data/first-steps?done=x")
        assert page.status_code == 200
        assert page.url.path == f"{PREFIX}/learn/jc-2026-1-python-data/first-steps"
        assert page.url.query == b"done=x"
        assert PEOPLE["haneul.lee"][0] in page.text


def test_somebody_who_is_not_signed_in_at_the_hub_ends_at_the_hubs_sign_in(site: Site) -> None:
    with browser(site) as client:
        page = follow_sign_in(client, f"{PREFIX}/")
        assert page.text == "the hub's sign-in page"
        assert SESSION_COOKIE not in client.cookies


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_paths(site: Site) -> None:
    with browser(site, "haneul.lee") as client:
        client.get(f"{PREFIX}/sign-in")
        answer = client.get(f"{PREFIX}/sign-in")
        callback = client.get(client.get(answer.headers["location"]).headers["location"])
        cookie = next(value for value in callback.headers.get_list("set-cookie") if value.startswith(SESSION_COOKIE))
        for part in ("HttpOnly", f"Path={PREFIX}/", "SameSite=lax"):
            assert part in cookie
        assert "Secure" not in cookie


def test_an_answer_from_the_hub_that_this_browser_did_not_ask_for_is_refused(site: Site) -> None:
    with browser(site, "haneul.lee") as attacker, browser(site) as victim:
        begun = attacker.get(f"{PREFIX}/sign-in").headers["location"]
        callback = attacker.get(begun).headers["location"]
        answer = victim.get(callback)
        assert answer.status_code == 422
        assert SESSION_COOKIE not in victim.cookies


def test_a_state_that_was_tampered_with_is_refused(site: Site) -> None:
    with browser(site, "haneul.lee") as client:
        callback = client.get(client.get(f"{PREFIX}/sign-in").headers["location"]).headers["location"]
        state = parse_qs(urlsplit(callback).query)["state"][0]
        answer = client.get(callback.replace(state, state[:-1] + ("A" if state[-1] != "A" else "B")))
        assert answer.status_code == 422
        assert SESSION_COOKIE not in client.cookies


def test_a_code_works_once(site: Site) -> None:
    with browser(site, "haneul.lee") as client:
        callback = client.get(client.get(f"{PREFIX}/sign-in").headers["location"]).headers["location"]
        cookies = dict(client.cookies)
        assert client.get(callback).status_code == 303
        again = httpx.get(site.origin + callback, cookies=cookies, trust_env=False)
        assert again.status_code == 422


def test_two_sign_ins_in_two_tabs_do_not_disturb_each_other(site: Site) -> None:
    with browser(site, "haneul.lee") as client:
        first = client.get(client.get(f"{PREFIX}/sign-in?next={PREFIX}/teach").headers["location"]).headers["location"]
        second = client.get(client.get(f"{PREFIX}/sign-in").headers["location"]).headers["location"]
        assert client.get(first).headers["location"] == f"{PREFIX}/teach"
        assert client.get(second).headers["location"] == f"{PREFIX}/"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/services/portal/",
        "/\\evil.example",
        "/services/portal/\\..\\x",
        "/services/portal/../../hub/logout",
        "/services/portalx",
        "/hub/logout",
        "javascript:alert(1)",
        "/services/portal/ x",
        "/services/portal/\nset-cookie: a",
        "",
    ],
)
def test_a_link_cannot_send_people_elsewhere_after_signing_in(wanted: str) -> None:
    assert safe_next(wanted, PREFIX) == f"{PREFIX}/"


def test_a_page_of_the_portal_is_a_fine_place_to_go_after_signing_in() -> None:
    assert safe_next(f"{PREFIX}/teach/x?done=released", PREFIX) == f"{PREFIX}/teach/x?done=released"


def test_a_forged_cookie_is_nobody(site: Site) -> None:
    token = site.hub.token_for("sera.oh")
    other = make_settings(Path("/nowhere"), 1, session_secret="66" * 32)
    with browser(site) as client:
        client.cookies.set(SESSION_COOKIE, serializer(other, "session").dumps(token))
        assert client.get(f"{PREFIX}/").status_code == 303


def test_a_value_signed_for_another_purpose_is_no_session(site: Site) -> None:
    with browser(site) as client:
        signed = serializer(site.settings, "sign-in").dumps(site.hub.token_for("sera.oh"))
        client.cookies.set(SESSION_COOKIE, signed)
        assert client.get(f"{PREFIX}/").status_code == 303


def test_somebody_who_was_withdrawn_is_out_within_a_minute(site: Site) -> None:
    now = [1000.0]
    site.campus.sign_in._clock = lambda: now[0]
    with site.client("haneul.lee") as client:
        assert client.get("/api/me").status_code == 200
        site.hub.tokens.clear()  # the sync deletes the hub's user, and with it their tokens
        now[0] += RECHECK_SECONDS - 1
        assert client.get("/api/me").status_code == 200
        now[0] += 1
        assert client.get("/api/me").status_code == 401


def test_somebody_who_was_withdrawn_is_out_at_once_though_the_hub_still_knows_them(site: Site) -> None:
    with site.client("haneul.lee") as client, site.program("haneul.lee") as lab:
        assert client.get("/").status_code == lab.get("/api/me").status_code == 200
        with site.campus.database.write() as session:
            withdraw(session, "jc-2026-1", "haneul.lee", datetime.now(UTC))
        assert client.get("/").status_code == 403
        assert lab.get("/api/me").status_code == 403
        assert lab.get("/api/exchange/assignments").status_code == 403


def test_the_hub_is_asked_once_a_minute_and_not_at_every_request(site: Site) -> None:
    with site.client("haneul.lee") as client:
        site.hub.asked.clear()
        for _ in range(5):
            assert client.get("/api/me").status_code == 200
        assert len(site.hub.asked) == 1


def test_while_the_hub_is_away_nobody_is_let_in_and_nobody_is_thrown_out(site: Site) -> None:
    with site.client("haneul.lee") as known, site.client("minseo.kim") as unknown:
        assert known.get("/api/me").status_code == 200
        site.hub.down = True
        assert known.get("/api/me").status_code == 200
        away = unknown.get("/api/me")
        assert away.status_code == 503
        assert "허브" in away.json()["error_ko"]
        site.hub.down = False
        assert unknown.get("/api/me").status_code == 200


def test_a_hub_user_whom_the_campus_does_not_know_is_told_whom_to_ask(site: Site) -> None:
    with site.client("stranger") as client:
        answer = client.get("/api/me")
        assert answer.status_code == 403
        assert "roster" in answer.json()["error"]
        assert "명단" in client.get("/").text


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        ([PORTAL_SCOPE], 200),
        (["access:services"], 200),
        (["access:services!service=other"], 403),
        (["access:servers!server=haneul.lee/"], 403),
        ([], 403),
    ],
)
def test_only_a_token_that_was_given_for_the_portal_opens_it(site: Site, scopes: list[str], status: int) -> None:
    with site.program("haneul.lee", scopes) as program:
        assert program.get("/api/me").status_code == status


@pytest.mark.parametrize("header", ["Bearer wrong", "token", "Basic dXNlcjpwdw==", "nonsense"])
def test_a_wrong_authorization_header_is_nobody_even_beside_a_good_cookie(site: Site, header: str) -> None:
    with site.client("haneul.lee") as client:
        answer = client.get("/api/me", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "token"


def test_a_servers_own_token_never_has_an_administrators_power(site: Site) -> None:
    server = ["users:activity!user=sera.oh", "access:servers!server=sera.oh/", PORTAL_SCOPE]
    with site.program("sera.oh", server) as lab:
        assert lab.get("/api/me").json()["is_admin"] is False
        assert lab.get("/api/cohorts").status_code == 403
    with site.program("sera.oh", [PORTAL_SCOPE, "tokens!user=sera.oh"]) as own:
        assert own.get("/api/me").json()["is_admin"] is True
        assert own.get("/api/cohorts").status_code == 200


def test_a_change_with_a_cookie_needs_the_sessions_csrf_token(site: Site) -> None:
    with site.client("sera.oh") as client, site.client("sera.oh") as elsewhere:
        form = {"track": "job-conversion", "title": "x", "cohort_id": "csrf-1", "starts_on": "2026-03-02"}
        good = client.headers.pop("X-CSRF-Token")
        assert client.post("/cohorts", data=form).status_code == 403
        assert client.post("/cohorts", data=form | {"_csrf": "0" * 64}).status_code == 403
        other = elsewhere.headers["X-CSRF-Token"]
        assert client.post("/cohorts", data=form | {"_csrf": other}).status_code == 403
        assert client.post("/cohorts", data=form | {"_csrf": "한글"}).status_code == 403
        assert client.get("/cohorts/csrf-1").status_code == 404
        assert client.post("/cohorts", data=form | {"_csrf": good}).status_code == 303
        assert client.get("/cohorts/csrf-1").status_code == 200


def test_the_api_takes_the_csrf_token_as_a_header_only(site: Site) -> None:
    with site.client("yuna.kim") as client:
        good = client.headers.pop("X-CSRF-Token")
        path = "/api/offerings/jc-2026-1-python-data/assignments/first-steps/feedback/release"
        assert client.post(path, data={"_csrf": good}).status_code == 403
        assert client.post(path, headers={"X-CSRF-Token": good}).status_code == 200


def test_a_program_with_a_token_needs_no_csrf_token(site: Site) -> None:
    with site.program("yuna.kim") as program:
        path = "/api/offerings/jc-2026-1-python-data/assignments/first-steps/feedback/release"
        assert program.post(path).status_code == 200


def test_signing_out_ends_the_portals_session_and_goes_on_to_the_hubs(site: Site) -> None:
    with browser(site, "haneul.lee") as client:
        page = follow_sign_in(client, f"{PREFIX}/")
        csrf = page.text.split('name="_csrf" value="')[1].split('"')[0]
        answer = client.post(f"{PREFIX}/sign-out", data={"_csrf": csrf})
        assert answer.headers["location"] == "/hub/logout"
        assert SESSION_COOKIE not in client.cookies
        client.get(answer.headers["location"])
        assert follow_sign_in(client, f"{PREFIX}/").text == "the hub's sign-in page"


def test_signing_out_needs_the_persons_own_form(site: Site) -> None:
    with site.client("haneul.lee") as client:
        del client.headers["X-CSRF-Token"]
        assert client.post("/sign-out").status_code == 403


def test_the_cookie_is_secure_where_the_campus_is_reached_by_https(tmp_path: Path) -> None:
    from starlette.responses import Response

    from portal.context import Campus
    from portal.identity import set_session

    settings = make_settings(tmp_path, 1, public_url="https://campus.example.kr")
    here = Campus(settings, None, None, None, None, None)  # type: ignore[arg-type]
    response = Response()
    set_session(response, here, "token")
    assert "; Secure" in response.headers["set-cookie"]


def test_an_old_session_is_asked_to_sign_in_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.client("haneul.lee") as client:
        assert client.get("/").status_code == 200
        later = time.time() + 13 * 3600
        monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
        assert client.get("/").status_code == 303
