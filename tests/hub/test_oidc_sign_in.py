"""The hub's real sign-in against a certified OpenID Connect provider: who gets in, and what the others are told."""

from __future__ import annotations

import base64
import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pytest
from ports import free_port
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
CLIENT_ID = "bitgoeul"
CLIENT_SECRET = "s" + secrets.token_hex(24)


@dataclass
class OidcProvider:
    """The provider as a process."""

    issuer: str
    process: subprocess.Popen[bytes]


def start_provider(port: int, redirect_uri: str, helpers: Any, *, method: str = "client_secret_post") -> OidcProvider:
    node = shutil.which("node")
    assert node, "Node is needed: it also runs the proxy"
    process = subprocess.Popen(
        [node, str(ROOT / "tests" / "hub" / "oidc_provider.mjs"), str(port), CLIENT_ID, CLIENT_SECRET, redirect_uri],
        env={"PATH": "/usr/bin:/bin", "NODE_ENV": "test", "TOKEN_ENDPOINT_AUTH_METHOD": method},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    issuer = f"http://127.0.0.1:{port}"
    wait_for("the OIDC provider answers", lambda: helpers.answers(issuer + "/.well-known/openid-configuration"))
    return OidcProvider(issuer, process)


@dataclass
class OidcCampus:
    hub: Any
    provider: OidcProvider


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory, helpers: Any) -> Iterator[OidcCampus]:
    """A hub that knows of its provider the issuer's address only."""
    data = tmp_path_factory.mktemp("oidc-campus")
    secret_file = data / "client-secret"
    secret_file.write_text(CLIENT_SECRET + "\n")
    port = free_port()
    environment = helpers.environment_of_a_campus(
        data,
        BITGOEUL_SIGN_IN="oidc",
        BITGOEUL_OIDC_ISSUER=f"http://127.0.0.1:{port}",
        BITGOEUL_OAUTH_CLIENT_ID=CLIENT_ID,
        BITGOEUL_OAUTH_CLIENT_SECRET_FILE=str(secret_file),
        BITGOEUL_DEMO_SECRET="",
    )
    hub = helpers.LiveHub(data, environment)
    provider = start_provider(port, hub.url + "/hub/oauth_callback", helpers)
    try:
        hub.start()
        yield OidcCampus(hub, provider)
    finally:
        hub.stop()
        provider.process.terminate()
        provider.process.wait(20)


def go(browser: httpx.Client, answer: httpx.Response, stop: str = "\0") -> httpx.Response:
    """Follow redirects, but not to an address that contains `stop`."""
    while answer.is_redirect:
        target = urljoin(str(answer.url), answer.headers["location"])
        if stop in target:
            return answer
        answer = browser.get(target)
    return answer


def authenticate(campus: OidcCampus, browser: httpx.Client, name: str) -> str:
    """Go to the provider, prove there to be `name`, consent; the callback that the provider sends the browser to."""
    answer = go(browser, browser.get("/hub/oauth_login"), "/hub/oauth_callback")
    for fields in ({"prompt": "login", "login": name, "password": "any"}, {"prompt": "consent"}):
        if answer.is_redirect:
            break
        form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
        assert form, answer.text[:1500]
        posted = browser.post(urljoin(str(answer.url), form.group(1)), data=fields)
        answer = go(browser, posted, "/hub/oauth_callback")
    assert answer.is_redirect, answer.text[:1500]
    return str(answer.headers["location"])


def sign_in_as(campus: OidcCampus, browser: httpx.Client, name: str) -> httpx.Response:
    return browser.get(authenticate(campus, browser, name))


def replaced(callback: str, **values: str) -> str:
    """The callback's address with other query parameters."""
    parts = urlsplit(callback)
    query = {name: found[0] for name, found in parse_qs(parts.query).items()} | values
    return parts._replace(query=urlencode(query)).geturl()


def test_the_login_page_offers_the_provider_and_asks_for_no_password(campus: OidcCampus) -> None:
    with campus.hub.browser() as browser:
        page = browser.get("/hub/login")
    assert page.status_code == 200
    assert "기관 계정" in page.text
    assert 'type="password"' not in page.text
    assert "/hub/oauth_login" in page.text


def test_the_hub_asks_the_provider_with_pkce_and_its_own_callback(campus: OidcCampus) -> None:
    with campus.hub.browser() as browser:
        target = urlsplit(browser.get("/hub/oauth_login").headers["location"])
    query = parse_qs(target.query)
    assert f"{target.scheme}://{target.netloc}" == campus.provider.issuer
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [campus.hub.url + "/hub/oauth_callback"]
    assert query["scope"] == ["openid profile email"]


def test_somebody_on_a_roster_gets_in_whatever_the_case_of_their_name(campus: OidcCampus) -> None:
    campus.hub.enrol("minji")
    with campus.hub.browser() as browser:
        answer = sign_in_as(campus, browser, "Minji")
        assert answer.status_code == 302
        assert answer.headers["location"] == "/services/portal/"
        home = browser.get("/hub/home")
        assert home.status_code == 200
        assert 'user: "minji"' in home.text


def test_somebody_not_on_a_roster_is_refused_with_a_sentence(campus: OidcCampus) -> None:
    with campus.hub.browser() as browser:
        answer = sign_in_as(campus, browser, "stranger")
        assert answer.status_code == 403
        assert "stranger 님은 수강생 명단에 없습니다" in answer.text
        assert "not on a roster. Ask your instructor" in answer.text
        assert browser.get("/hub/home").status_code == 302
    assert campus.hub.api("GET", "/users/stranger").status_code == 404


def test_somebody_withdrawn_is_out_at_once_and_refused_at_the_next_sign_in(campus: OidcCampus) -> None:
    campus.hub.enrol("leaver")
    with campus.hub.browser() as browser:
        assert sign_in_as(campus, browser, "leaver").status_code == 302
        assert browser.get("/hub/home").status_code == 200
        campus.hub.withdraw("leaver")
        assert browser.get("/hub/home").headers["location"].startswith("/hub/login")
        assert sign_in_as(campus, browser, "leaver").status_code == 403
    with campus.hub.browser() as browser:
        assert sign_in_as(campus, browser, "leaver").status_code == 403


def test_somebody_withdrawn_stays_out_after_a_restart_and_the_others_stay_in(campus: OidcCampus) -> None:
    campus.hub.enrol("stayer", "goer")
    campus.hub.withdraw("goer")
    campus.hub.kill_hub()
    campus.hub.start_hub()
    with campus.hub.browser() as browser:
        assert sign_in_as(campus, browser, "goer").status_code == 403
    with campus.hub.browser() as browser:
        assert sign_in_as(campus, browser, "stayer").status_code == 302


def test_administrators_by_setting_get_in(campus: OidcCampus) -> None:
    with campus.hub.browser() as browser:
        assert sign_in_as(campus, browser, "boss").status_code == 302
        assert browser.get("/hub/admin").status_code == 200


@pytest.mark.parametrize(
    "state",
    [
        pytest.param("", id="empty"),
        pytest.param("not-base64", id="garbage"),
        pytest.param(
            base64.urlsafe_b64encode(json.dumps({"state_id": "0" * 32}).encode()).decode(), id="somebody else's"
        ),
    ],
)
def test_a_tampered_state_is_refused(campus: OidcCampus, state: str) -> None:
    campus.hub.enrol("minji")
    with campus.hub.browser() as browser:
        answer = browser.get(replaced(authenticate(campus, browser, "minji"), state=state))
        assert answer.status_code == 400
        assert "처음부터 다시 로그인해 주세요" in answer.text
        assert "sign in again from the beginning" in answer.text
        assert browser.get("/hub/home").status_code == 302


def test_a_callback_in_another_browser_signs_nobody_in(campus: OidcCampus) -> None:
    campus.hub.enrol("minji")
    with campus.hub.browser() as victim, campus.hub.browser() as attacker:
        callback = authenticate(campus, attacker, "minji")
        assert victim.get(callback).status_code == 400
        assert victim.get("/hub/home").status_code == 302


def test_a_code_works_once_and_a_made_up_one_never(campus: OidcCampus) -> None:
    campus.hub.enrol("minji")
    with campus.hub.browser() as browser:
        callback = authenticate(campus, browser, "minji")
        made_up = browser.get(replaced(callback, code="A" * 43))
        assert made_up.status_code == 403
        assert "로그인을 마치지 못했습니다" in made_up.text
        assert browser.get("/hub/home").status_code == 302
    with campus.hub.browser() as browser:
        callback = authenticate(campus, browser, "minji")
        state = next(cookie.value for cookie in browser.cookies.jar if cookie.name == "oauthenticator-state")
        assert browser.get(callback).status_code == 302
    with campus.hub.browser() as again:
        again.cookies.set("oauthenticator-state", state or "")
        assert again.get(callback).status_code == 403


def test_somebody_who_breaks_off_at_the_provider_is_told_so(campus: OidcCampus) -> None:
    with campus.hub.browser() as browser:
        answer = browser.get("/hub/oauth_callback?error=access_denied&state=x")
    assert answer.status_code == 400
    assert "로그인을 마치지 못했습니다(access_denied)" in answer.text


def test_a_grading_server_s_name_is_no_person_s(campus: OidcCampus) -> None:
    campus.hub.enrol("grading-jc-2026-1-python")
    for name in ("grading-jc-2026-1-python", "GRADING-jc-2026-1-python"):
        with campus.hub.browser() as browser:
            assert sign_in_as(campus, browser, name).status_code == 403
            assert browser.get("/hub/home").status_code == 302


def test_an_account_without_the_claim_that_names_people_is_refused_with_a_sentence(campus: OidcCampus) -> None:
    with campus.hub.browser() as browser:
        answer = sign_in_as(campus, browser, "nameless")
    assert answer.status_code == 403
    assert "preferred_username" in answer.text
    assert "누구인지 알 수 없습니다" in answer.text


def test_without_its_provider_the_hub_says_so_and_recovers(tmp_path: Path, helpers: Any) -> None:
    port = free_port()
    environment = helpers.environment_of_a_campus(
        tmp_path,
        BITGOEUL_SIGN_IN="oidc",
        BITGOEUL_OIDC_ISSUER=f"http://127.0.0.1:{port}/",
        BITGOEUL_OAUTH_CLIENT_ID=CLIENT_ID,
        BITGOEUL_OAUTH_CLIENT_SECRET=CLIENT_SECRET,
        BITGOEUL_SIGN_IN_CLAIM="email",
        BITGOEUL_SIGN_IN_NAME="광주 데이터센터",
        BITGOEUL_ADMINS="Kim@Example.kr",
    )
    hub = helpers.LiveHub(tmp_path, environment)
    provider = None
    try:
        hub.start()
        with hub.browser() as browser:
            away = browser.get("/hub/oauth_login")
            assert away.status_code == 503
            assert "로그인 서버가 응답하지 않습니다" in away.text
            assert "광주 데이터센터" in browser.get("/hub/login").text
        provider = start_provider(port, hub.url + "/hub/oauth_callback", helpers, method="client_secret_basic")
        campus = OidcCampus(hub, provider)
        with hub.browser() as browser:
            assert sign_in_as(campus, browser, "kim").status_code == 302
            assert 'user: "kim@example.kr"' in browser.get("/hub/home").text
        hub.enrol("pretender@example.kr")
        with hub.browser() as browser:
            answer = sign_in_as(campus, browser, "pretender")
            assert answer.status_code == 403
            assert "이메일이 확인되지 않았습니다" in answer.text
    finally:
        hub.stop()
        if provider is not None:
            provider.process.terminate()
            provider.process.wait(20)
