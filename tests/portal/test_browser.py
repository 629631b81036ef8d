"""The pages in a real browser: how they look (pictures in test-output/portal), and that they work by clicks and keys.

Every page is opened on a desktop and on a phone, in Korean and in English, light and dark, and looked at for what can
be measured: nothing wider than the screen, nothing blocked or missing, one heading, labels, contrast (WCAG 2.2 AA).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from browsing import LOOKS, OUTPUT, chromium, listen, look_at, open_browser
from playwright.sync_api import Browser, expect
from portal_site import COURSE, Site, hand_in
from regrade_rows import STUDENTS, marked, points_by_test, regrade_rows
from sqlalchemy import select

from cohorts.roster import preview_roster
from grader.models import Attempt, Marking, MarkingState

pytestmark = pytest.mark.browser

ROSTER = (
    "이름,아이디,이메일,역할\r\n이하늘,haneul.lee,haneul.lee@example.kr,학생\r\n김민서,minseo.kim,minseo@new.kr,조교\r\n"
    '정지호,jiho.jung,,학생\r\n"강, 다온",daon.kang,daon@example.kr,학생\r\n윤예린,yerin.yun,,학생\r\n'
)
WRONG_ROSTER = "이름,아이디,이메일\n이하늘,haneul.lee,haneul\n,nobody1,\n박하나,grading-x,\n김둘,minseo.kim,\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(busy_site: Site) -> dict[str, tuple[str, str]]:
    """Every kind of page: who looks at it, and its path."""
    now = datetime.now(UTC)
    with busy_site.campus.database.write() as session:
        wanted = {"cohort_id": "jc-2026-1", "by": "sera.oh", "now": now}
        good = preview_roster(session, filename="2026-1 명단.csv", data=ROSTER.encode("cp949"), **wanted)
        wrong = preview_roster(session, filename="잘못된 명단.csv", data=WRONG_ROSTER.encode(), **wanted)
    with busy_site.client("haneul.lee") as client:
        attempt = re.findall(r"/feedback/(\d+)", client.get(f"/learn/{COURSE}/first-steps").text)[0]
    attempts = marked(busy_site, "cafe-sales", number=2)
    regrade_rows(busy_site, attempts, "cafe-sales")
    regraded = attempts["jiho.jung"]
    return {
        "student-home": ("haneul.lee", "/"),
        "student-assignment": ("haneul.lee", f"/learn/{COURSE}/first-steps"),
        "student-open-assignment": ("haneul.lee", f"/learn/{COURSE}/air-quality"),
        "student-feedback": ("haneul.lee", f"/feedback/{attempt}"),
        "instructor-courses": ("yuna.kim", "/teach"),
        "instructor-course": ("yuna.kim", f"/teach/{COURSE}"),
        "instructor-assignment": ("yuna.kim", f"/teach/{COURSE}/assignments/first-steps"),
        "instructor-rules": ("yuna.kim", f"/teach/{COURSE}/assignments/first-steps/policy"),
        "instructor-regrade": ("yuna.kim", f"/teach/{COURSE}/assignments/cafe-sales/regrade"),
        "instructor-attempt": ("yuna.kim", f"/teach/{COURSE}/assignments/cafe-sales/attempts/{regraded}"),
        "instructor-marks": ("yuna.kim", f"/teach/{COURSE}/marks"),
        "admin-cohorts": ("sera.oh", "/cohorts"),
        "admin-cohort": ("sera.oh", "/cohorts/jc-2026-1"),
        "admin-roster": ("sera.oh", f"/cohorts/jc-2026-1/roster/{good.id}"),
        "admin-wrong-roster": ("sera.oh", f"/cohorts/jc-2026-1/roster/{wrong.id}"),
        "admin-passwords": ("sera.oh", "/cohorts/jc-2026-1/passwords"),
        "refusal": ("haneul.lee", "/cohorts"),
    }


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_whole_readable_and_kept_as_a_picture(
    browser: Browser, busy_site: Site, pages: dict[str, tuple[str, str]], look: str
) -> None:
    locale, viewport, scheme = LOOKS[look]
    folder = OUTPUT / look
    folder.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    for who in sorted({who for who, _ in pages.values()}):
        options = {"viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce"}
        context = open_browser(browser, busy_site, who, locale=locale, **options)
        page = context.new_page()
        complaints = listen(page)
        for name, (reader, path) in pages.items():
            if reader != who:
                continue
            complaints.clear()
            page.goto(busy_site.url + path)
            page.screenshot(path=folder / f"{name}.png", full_page=True)
            faults += [f"{name}: {fault}" for fault in look_at(page, locale)]
            expected = "sandboxed" if name == "student-feedback" else "403" if name == "refusal" else None
            faults += [f"{name}: {text}" for text in complaints if expected is None or not _meant(text, expected)]
        context.close()
    assert faults == []


def _meant(complaint: str, expected: str) -> bool:
    """What a page with a hostile notebook, or a refusal, is supposed to have the browser say."""
    return expected in complaint or (expected == "sandboxed" and "Content Security Policy" in complaint)


def test_a_script_in_feedback_neither_runs_nor_reaches_the_page(
    browser: Browser, busy_site: Site, pages: dict[str, tuple[str, str]]
) -> None:
    who, path = pages["student-feedback"]
    context = open_browser(browser, busy_site, who)
    page = context.new_page()
    answered: list[str] = []
    page.on("response", lambda response: answered.append(response.url))
    page.goto(busy_site.url + path)
    frame = page.frame_locator("iframe.feedback")
    expect(frame.locator("h1")).to_contain_text("first-steps")
    expect(page).to_have_title(re.compile("피드백"))
    assert not [url for url in answered if url.endswith("/x")]
    alone = context.new_page()
    alone.goto(busy_site.url + path + "/first-steps.html")
    expect(alone.locator("h1")).to_contain_text("first-steps")
    assert alone.evaluate("document.domain") == ""
    context.close()


def test_the_language_is_switched_by_one_click_and_stays(browser: Browser, site: Site) -> None:
    context = open_browser(browser, site, "haneul.lee")
    context.clear_cookies(name="bitgoeul-locale")
    page = context.new_page()
    page.goto(f"{site.url}/learn/{COURSE}/first-steps")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("link", name="Open lab")).to_be_visible()
    assert page.url.endswith(f"/learn/{COURSE}/first-steps")
    page.get_by_role("link", name="My courses").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, 이하늘")
    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("이하늘 님, 안녕하세요")
    context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_an_instructor_extends_a_deadline_and_releases_feedback_by_clicks(
    browser: Browser, site: Site, script: bool
) -> None:
    hand_in(site.campus, COURSE, "first-steps", "haneul.lee", score=8, max_score=10, feedback="<p></p>", released=False)
    context = open_browser(browser, site, "yuna.kim", script=script)
    page = context.new_page()
    page.goto(site.url + "/teach")
    page.get_by_role("link", name="파이썬과 데이터").click()
    page.get_by_role("link", name="파이썬 첫걸음").click()
    page.get_by_label("학생", exact=True).select_option("jiho.jung")
    page.get_by_label("새 마감 시각").fill("2001-01-01T09:00")
    page.get_by_role("button", name="연장하기").click()
    expect(page.get_by_role("alert")).to_contain_text("늦어야 합니다")
    expect(page.get_by_label("학생", exact=True)).to_have_value("jiho.jung")
    later = f"{datetime.now(UTC).year + 1}-03-02T18:00"
    page.get_by_label("새 마감 시각").fill(later)
    page.get_by_role("button", name="연장하기").click()
    expect(page.get_by_role("status")).to_have_text("연장한 마감이 지금부터 적용됩니다.")
    expect(page.get_by_text("3월 2일", exact=False).last).to_contain_text("오후 6:00까지 연장")
    page.get_by_role("button", name="피드백 공개").click()
    expect(page.get_by_role("status")).to_have_text("제출 1건의 피드백을 공개했습니다.")
    context.close()


def test_marking_is_followed_live_without_a_reload(browser: Browser, site: Site) -> None:
    context = open_browser(browser, site, "yuna.kim")
    page = context.new_page()
    page.goto(f"{site.url}/teach/{COURSE}/assignments/first-steps")
    page.wait_for_selector(".following")
    page.evaluate("window.notReloaded = true")
    expect(page.locator("dd[data-value=queued]")).to_have_text("0")
    hand_in(site.campus, COURSE, "first-steps", "haneul.lee", state=MarkingState.QUEUED)
    expect(page.locator("dd[data-value=queued]")).to_have_text("1")
    expect(page.locator("#submissions-table tr", has_text="haneul.lee")).to_contain_text("제출 완료")
    hand_in(site.campus, COURSE, "first-steps", "minseo.kim", score=9, max_score=10)
    expect(page.locator("dd[data-value=done]")).to_have_text("1")
    expect(page.locator("#submissions-table tr", has_text="minseo.kim")).to_contain_text("9 / 10")
    assert page.evaluate("document.querySelector('progress').max") == 2
    assert page.evaluate("window.notReloaded")
    context.close()


def test_a_students_page_shows_the_mark_when_it_is_there(browser: Browser, site: Site) -> None:
    attempt = hand_in(site.campus, COURSE, "first-steps", "haneul.lee", state=MarkingState.RUNNING)
    context = open_browser(browser, site, "haneul.lee")
    page = context.new_page()
    page.goto(f"{site.url}/learn/{COURSE}/first-steps")
    expect(page.get_by_text("지금 채점하고 있습니다.")).to_be_visible()
    page.evaluate("window.notReloaded = true")
    from grader.models import Feedback, Marking

    with site.campus.database.write() as session:
        session.query(Marking).filter_by(attempt_id=attempt).one().state = MarkingState.DONE
        now = datetime.now(UTC)
        made = {"attempt_id": attempt, "sha256": "0" * 64, "size": 1, "created_at": now, "released_at": now}
        session.add(Feedback(**made, score=8, max_score=10))
    expect(page.get_by_text("피드백을 볼 수 있습니다.")).to_be_visible()
    expect(page.locator(".facts .mark-value")).to_have_text("8 / 10")
    assert page.evaluate("window.notReloaded")
    context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_an_administrator_opens_a_cohort_and_fills_it_from_a_roster_by_clicks(
    browser: Browser, empty_site: Site, script: bool
) -> None:
    context = open_browser(browser, empty_site, "sera.oh", script=script)
    page = context.new_page()
    page.goto(empty_site.url + "/")
    page.get_by_label("기수 이름").fill("2026년 상반기 직무전환 1기")
    page.get_by_label("기수 ID").fill("jc-2026-1")
    page.get_by_label("시작일").fill("2026-03-02")
    page.get_by_role("button", name="기수 열기").click()
    expect(page.get_by_role("status")).to_have_text("기수를 열었습니다.")
    roster = {"name": "명단.csv", "mimeType": "text/csv", "buffer": ROSTER.encode("cp949")}
    page.get_by_label("명단 파일").set_input_files(roster)
    page.get_by_role("button", name="바뀔 내용 보기").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("이 명단을 적용하면 바뀌는 것")
    expect(page.locator(".counts .plus dd").first).to_have_text("5")
    page.get_by_role("button", name="이 명단 적용").click()
    expect(page.get_by_role("status")).to_contain_text("명단을 적용했습니다.")
    expect(page.get_by_role("row", name=re.compile("강, 다온"))).to_be_visible()
    page.get_by_role("link", name="나누어 줄 비밀번호").click()
    expect(page.locator(".slip")).to_have_count(5)
    expect(page.get_by_role("button", name="인쇄")).to_be_visible(visible=script)
    context.close()


def test_a_page_is_used_by_keys_alone(browser: Browser, busy_site: Site) -> None:
    context = open_browser(browser, busy_site, "haneul.lee")
    page = context.new_page()
    page.goto(busy_site.url + "/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("본문으로 건너뛰기")).to_be_focused()
    expect(page.get_by_text("본문으로 건너뛰기")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    context.close()


def test_a_server_that_does_not_come_up_leaves_no_button_busy(browser: Browser, site: Site) -> None:
    site.hub.users.clear()
    context = open_browser(browser, site, "yuna.kim")
    page = context.new_page()
    page.goto(f"{site.url}/teach/{COURSE}")
    site.hub.down = True
    site.hub.users.clear()
    page.get_by_role("button", name="채점 서버 열기").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="채점 서버 열기")).to_be_enabled()
    context.close()


def test_the_preview_comes_by_itself_when_the_last_attempt_is_marked(browser: Browser, site: Site) -> None:
    number = regrade_rows(site, marked(site), state=MarkingState.QUEUED)
    context = open_browser(browser, site, "yuna.kim")
    page = context.new_page()
    page.goto(f"{site.url}/teach/{COURSE}/assignments/first-steps/regrade")
    page.wait_for_selector(".following")
    expect(page.locator("dd[data-value=queued]")).to_have_text("3")
    expect(page.get_by_role("button", name="모두에게 적용")).to_have_count(0)
    with site.campus.database.write() as session:
        for marking in session.scalars(select(Marking).where(Marking.regrade_id == number)):
            new = STUDENTS[session.get_one(Attempt, marking.attempt_id).username][1]
            marking.state, marking.score, marking.max_score = MarkingState.DONE, new, 10
            marking.tests = points_by_test(new)
    expect(page.get_by_role("button", name="모두에게 적용")).to_be_visible()
    expect(page.locator("tr", has_text="이하늘")).to_contain_text("+2")
    context.close()
