"""The demonstration's sign-in through the real form of a real hub."""

from __future__ import annotations

from typing import Any

from hub_config.auth import demo_password


def test_the_right_password_lets_somebody_on_a_roster_in_and_leads_to_the_portal(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("haneul")
    with demo_hub.browser() as browser:
        answer = helpers.sign_in(browser, "Haneul", demo_password(helpers.DEMO_SECRET, "haneul"))
        assert answer.status_code == 302
        assert answer.headers["location"] == "/services/portal/"
        assert browser.get("/hub/home").status_code == 200


def test_the_login_page_speaks_korean_first_and_english(demo_hub: Any) -> None:
    with demo_hub.browser() as browser:
        page = browser.get("/hub/login").text
    assert page.index("아이디") < page.index("User name")
    assert "--accent:" in page
    assert 'name="viewport"' in page


def test_a_wrong_password_is_refused_with_a_sentence_in_both_languages(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("haneul")
    with demo_hub.browser() as browser:
        answer = helpers.sign_in(browser, "haneul", demo_password(helpers.DEMO_SECRET, "somebody-else"))
        assert answer.status_code == 403
        assert "비밀번호가 맞지 않습니다" in answer.text
        assert "password is not right" in answer.text
        assert 'value="haneul"' in answer.text
        assert browser.get("/hub/home").status_code == 302


def test_an_unknown_name_is_answered_like_a_wrong_password(demo_hub: Any, helpers: Any) -> None:
    with demo_hub.browser() as browser:
        answer = helpers.sign_in(browser, "nobody-here", "aaaa-bbbb-cccc")
    assert answer.status_code == 403
    assert "비밀번호가 맞지 않습니다" in answer.text


def test_somebody_who_left_the_roster_is_told_so_and_their_old_session_is_over(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("leaver")
    password = demo_password(helpers.DEMO_SECRET, "leaver")
    with demo_hub.browser() as browser:
        assert helpers.sign_in(browser, "leaver", password).status_code == 302
        demo_hub.withdraw("leaver")
        assert browser.get("/hub/home").headers["location"].startswith("/hub/login")
    with demo_hub.browser() as browser:
        answer = helpers.sign_in(browser, "leaver", password)
    assert answer.status_code == 403
    assert "명단에 없습니다" in answer.text
    assert "not on a roster" in answer.text


def test_nobody_signs_in_as_a_grading_server_even_with_its_password(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("grading-jc-2026-1-python")
    with demo_hub.browser() as browser:
        for spelling in ("grading-jc-2026-1-python", "Grading-JC-2026-1-python"):
            answer = helpers.sign_in(browser, spelling, demo_password(helpers.DEMO_SECRET, spelling.lower()))
            assert answer.status_code == 403
            assert browser.get("/hub/home").status_code == 302


def test_a_form_without_the_token_of_this_browser_is_refused(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("haneul")
    fields = {"username": "haneul", "password": demo_password(helpers.DEMO_SECRET, "haneul")}
    with demo_hub.browser() as other, demo_hub.browser() as browser:
        foreign = helpers.sign_in_form(other.get("/hub/login", headers={"User-Agent": "another browser"}))
        for stolen in ({}, foreign, {"_xsrf": "made-up"}):
            answer = browser.post("/hub/login", data={**fields, **stolen})
            assert answer.status_code == 403
            assert browser.get("/hub/home").status_code == 302


def test_after_ten_failures_one_waits(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("forgetful")
    with demo_hub.browser() as browser:
        answers = [helpers.sign_in(browser, "forgetful", f"guess-{number}") for number in range(11)]
        assert [answer.status_code for answer in answers] == [403] * 10 + [429]
        assert "다시 시도해 주세요" in answers[-1].text
        right = helpers.sign_in(browser, "forgetful", demo_password(helpers.DEMO_SECRET, "forgetful"))
        assert right.status_code == 429


def test_administrators_by_setting_get_in_and_see_the_admin_page_but_hold_no_admin_flag(
    demo_hub: Any, helpers: Any
) -> None:
    with demo_hub.browser() as browser:
        assert helpers.sign_in(browser, "boss", demo_password(helpers.DEMO_SECRET, "boss")).status_code == 302
        assert browser.get("/hub/admin").status_code == 200
    assert demo_hub.api("GET", "/users/boss").json()["admin"] is False


def test_a_student_is_refused_the_admin_page(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("haneul")
    with demo_hub.browser() as browser:
        helpers.sign_in(browser, "haneul", demo_password(helpers.DEMO_SECRET, "haneul"))
        answer = browser.get("/hub/admin")
    assert answer.status_code == 403
    assert "들어갈 수 없습니다" in answer.text


def test_a_redirect_after_sign_in_never_leaves_the_campus(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("haneul")
    with demo_hub.browser() as browser:
        fields = helpers.sign_in_form(browser.get("/hub/login"))
        answer = browser.post(
            "/hub/login?next=https%3A%2F%2Fevil.example%2Fphish",
            data={**fields, "username": "haneul", "password": demo_password(helpers.DEMO_SECRET, "haneul")},
        )
    assert answer.status_code == 302
    assert "evil.example" not in answer.headers["location"]


def test_cookies_of_the_hub_are_out_of_reach_of_scripts_and_other_sites(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("haneul")
    with demo_hub.browser() as browser:
        answer = helpers.sign_in(browser, "haneul", demo_password(helpers.DEMO_SECRET, "haneul"))
    login_cookies = [c for c in answer.headers.get_list("set-cookie") if c.startswith("jupyterhub-hub-login")]
    assert login_cookies
    assert all("httponly" in cookie.lower() and "samesite=lax" in cookie.lower() for cookie in login_cookies)
