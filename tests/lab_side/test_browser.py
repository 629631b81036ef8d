"""The lease in a real JupyterLab in a real browser: what a learner sees, hears of and can click. Pictures are kept.

Pictures are in test-output/lab_side. One lab for each language; a test opens it in a window of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from lab_process import LabProcess
from lease_portal import TOKEN, LeasePortal, notice, serving
from playwright.sync_api import Browser, Page, expect, sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PICTURES = Path(__file__).resolve().parents[2] / "test-output" / "lab_side"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
#: what a browser may need: two polls of the server, one of the page, on a busy machine
SOON = 60_000
#: a person who comes back to the tab every second, so that the lab has something new to say within seconds
COMES_BACK = "setInterval(() => document.dispatchEvent(new Event('visibilitychange')), 1000)"
Said = dict[str, str]
WORDS: dict[str, Said] = {
    "ko": {
        "none": "GPU 없음",
        "held": r"GPU 18 GB · 수업 중 · 1시간 (19|20)분 남음",
        "waiting": "GPU 대기 2번째 · 약 9분",
        "turn": r"GPU 차례입니다 · [567]분 안에 시작",
        "idle": "GPU를 20분째 쓰지 않고 있습니다",
        "your turn": "GPU 차례가 왔습니다",
        "ends": r"GPU 사용 시간이 \d\d:\d\d에 끝납니다",
        "title": r"GPU 사용 시간이 (\d분|1분 미만) 남았습니다",
        "save": "모두 저장",
        "open": "대기실 열기",
        "close": "확인",
        "ended": "GPU 사용 시간이 끝났습니다",
    },
    "en": {
        "none": "No GPU",
        "held": r"GPU 18 GB · class · 1 h (19|20) min left",
        "waiting": "GPU queue: place 2 · about 9 min",
        "turn": r"Your GPU turn · start within [567] min",
        "idle": "Your GPU has been idle for 20 minutes",
        "your turn": "Your turn for a GPU has come",
        "ends": r"Your GPU time ends at \d\d:\d\d",
        "title": r"Your GPU time ends in (\d min|less than a minute)",
        "save": "Save all",
        "open": "Open the waiting room",
        "close": "OK",
        "ended": "Your GPU time has ended",
    },
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Desk:
    """A lab with its portal, and windows onto it. `portal` may be set between two looks."""

    def __init__(self, browser: Browser, portal: LeasePortal, lab: LabProcess, locale: str) -> None:
        self.browser, self.portal, self.lab, self.locale = browser, portal, lab, locale
        self.say = WORDS[locale]
        self.complaints: list[str] = []
        self.strangers: list[str] = []

    @contextmanager
    def window(self, viewport: dict[str, int] = DESKTOP) -> Iterator[Page]:
        """A fresh window with JupyterLab in it, its status item in sight."""
        context = self.browser.new_context(viewport=viewport)
        context.set_default_timeout(SOON)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("request", lambda request: self.note(request.url))
        page.add_init_script(COMES_BACK)
        page.goto(f"{self.lab.url}/lab?token={self.lab.secret}")
        page.locator(".bitgoeul-lease a").wait_for(state="attached")
        yield page
        context.close()

    def note(self, url: str) -> None:
        if not url.startswith((f"http://127.0.0.1:{self.lab.port}/", "data:", "blob:")):
            self.strangers.append(url)

    def picture(self, page: Page, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{self.locale}-{name}.png")


@pytest.fixture(scope="module", params=["ko", "en"])
def desk(request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    locale: str = request.param
    with serving() as portal:
        lab = LabProcess(tmp_path_factory.mktemp("lab"), portal_url=portal.url, token=TOKEN, locale=locale)
        yield Desk(browser, portal, lab, locale)
        lab.stop()


def item(page: Page, text: str, *, timeout: float = SOON) -> None:
    expect(page.locator(".bitgoeul-lease a")).to_have_text(re.compile(f"^{text}$"), timeout=timeout)


def toast(page: Page, text: str) -> Callable[[int], None]:
    """Wait for so many notices in the corner that say `text`."""
    found = page.locator(".Toastify__toast", has_text=re.compile(text))
    return lambda count: expect(found).to_have_count(count, timeout=SOON)


def test_the_status_bar_says_what_one_has_or_waits_for(desk: Desk) -> None:
    desk.portal.mine = {"profile": "cpu", "lease": None, "notices": [], "ticket": None}
    with desk.window() as page:
        item(page, desk.say["none"])
        link = page.locator(".bitgoeul-lease").get_by_role("link")
        expect(link).to_have_attribute("href", "/services/portal/hardware")
        desk.portal.ticket(2)
        item(page, desk.say["waiting"])
        expect(link).to_have_attribute("href", "/services/portal/waiting")
        expect(link).to_have_attribute("title", re.compile("64"))
        expect(page.get_by_role("status").filter(has_text=re.compile(desk.say["waiting"]))).to_be_attached()
        desk.picture(page, "waiting")
        desk.portal.lease(timedelta(minutes=80), in_class=True)
        item(page, desk.say["held"])
        desk.picture(page, "held")
    assert (desk.complaints, desk.strangers) == ([], [])


def test_a_turn_that_comes_in_a_cpu_lab_is_told_with_a_way_to_the_waiting_room(desk: Desk) -> None:
    desk.portal.ticket(1, turn=timedelta(minutes=7))
    with desk.window() as page:
        item(page, desk.say["turn"])
        toast(page, desk.say["your turn"])(1)
        desk.picture(page, "turn")
        with page.context.expect_page() as opened:
            page.locator(".Toastify__toast").get_by_role("button", name=desk.say["open"]).click()
        assert opened.value.url == f"http://127.0.0.1:{desk.lab.port}/services/portal/waiting"


def test_a_notice_is_shown_once_and_again_when_it_grows_louder_and_goes_with_its_cause(desk: Desk) -> None:
    desk.portal.lease(timedelta(hours=1), notices=[notice("lease-17-idle", "info")])
    with desk.window() as page:
        shown = toast(page, desk.say["idle"])
        shown(1)
        page.reload()
        item(page, "GPU 18 GB .*")
        expect(page.locator(".jp-Launcher")).to_be_visible()
        shown(0)
        desk.portal.lease(timedelta(hours=1), notices=[notice("lease-17-idle", "warning")])
        shown(1)
        desk.portal.lease(timedelta(hours=1))
        shown(0)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nobody_can_miss_that_the_lease_ends(desk: Desk, viewport: dict[str, int]) -> None:
    desk.portal.lease(timedelta(minutes=14))
    kind = "phone" if viewport is PHONE else "desktop"
    with desk.window(viewport) as page:
        toast(page, desk.say["ends"])(1)
        expect(page.locator(".bitgoeul-lease")).to_have_attribute("data-state", "ending")
        desk.picture(page, f"ends-{kind}")
        desk.portal.lease(timedelta(minutes=4, seconds=55))
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(re.compile(desk.say["title"]), timeout=SOON)
        desk.picture(page, f"dialog-{kind}")
        box = dialog.locator(".jp-Dialog-content").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]
        expect(dialog.get_by_role("button", name=desk.say["save"])).to_be_focused()
        page.keyboard.press("Escape")
        page.mouse.click(5, viewport["height"] - 200)
        expect(dialog).to_be_visible()
        dialog.get_by_role("button", name=desk.say["close"]).click()
        expect(dialog).to_have_count(0)
        toast(page, desk.say["ends"])(1)
        page.locator(".Toastify__toast .jp-toast-button, .Toastify__toast button").first.click()
        expect(page.locator(".bitgoeul-lease a")).to_be_in_viewport(ratio=1)
        desk.picture(page, f"after-{kind}")


def test_enter_struck_in_the_middle_of_typing_saves_what_was_typed(desk: Desk) -> None:
    (desk.lab.home / "notes.md").write_text("")
    desk.portal.lease(timedelta(hours=1))
    with desk.window() as page:
        page.goto(f"{desk.lab.url}/lab/tree/notes.md")
        page.locator(".cm-content").click()
        page.keyboard.type("typed before the end")
        assert (desk.lab.home / "notes.md").read_text() == ""
        desk.portal.lease(timedelta(minutes=4, seconds=55))
        expect(page.get_by_role("dialog")).to_be_visible(timeout=SOON)
        page.keyboard.press("Shift+Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    assert (desk.lab.home / "notes.md").read_text() == "typed before the end"
    (desk.lab.home / "notes.md").unlink()


def test_a_lab_that_stopped_at_the_end_of_its_lease_says_why(
    browser: Browser, portal: LeasePortal, start_lab: Callable[..., LabProcess]
) -> None:
    portal.lease(timedelta(seconds=20))
    lab = start_lab()
    desk = Desk(browser, portal, lab, "ko")
    with desk.window() as page:
        page.get_by_role("dialog").get_by_role("button", name=desk.say["close"]).click()
        lab.stop()
        toast(page, desk.say["ended"])(1)
        told = page.get_by_role("dialog").filter(has_text=desk.say["ended"])
        while not told.count():  # JupyterLab's own dialog about the connection comes before
            page.locator(".jp-Dialog-button").last.click()
        expect(told).to_contain_text("저장한 파일은 그대로 있습니다")
        desk.picture(page, "ended")


def test_a_portal_without_leases_leaves_the_status_bar_as_it_was(
    browser: Browser, portal: LeasePortal, start_lab: Callable[..., LabProcess]
) -> None:
    portal.status = 404
    desk = Desk(browser, portal, start_lab(), "ko")
    with desk.window() as page:
        expect(page.locator(".jp-Launcher")).to_be_visible()
        expect(page.locator(".bitgoeul-lease")).to_be_hidden()
        expect(page.locator(".Toastify__toast")).to_have_count(0)
    assert (desk.complaints, desk.strangers) == ([], [])
