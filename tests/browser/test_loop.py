"""One student and one instructor, by clicks, in headless Chromium: released, fetched, solved, submitted, graded, read.

Screenshots of each step are kept in test-output/loop/. The portal's own pages have tests of their own (tests/portal).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from answers import is_solution, source_notebook, text_of
from campus_process import Campus
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect, sync_playwright
from ports import free_port
from waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ASSIGNMENT = "energy-forecast"
COURSE = "머신러닝 입문"
TITLE = "건물 에너지 예측"
BY_HAND = "q8-own-model"  # the cell that a person grades
PICTURES = ROOT / "test-output" / "loop"
Take = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    campus = Campus(tmp_path_factory.mktemp("clicks"), free_port())
    try:
        campus.start()
        yield campus
    finally:
        campus.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def take() -> Take:
    """Keep a picture of the page, numbered in the order of the story."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.glob("*.png"):
        old.unlink()
    count = 0

    def picture(page: Page, name: str) -> None:
        nonlocal count
        count += 1
        page.screenshot(path=PICTURES / f"{count:02}-{name}.png")

    return picture


def sign_in(browser: Browser, campus: Campus, username: str) -> Page:
    """A window of one person's own, signed in through the hub's form."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="ko-KR", timezone_id="Asia/Seoul")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(campus.url)
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", campus.password(username))
    page.click("[type=submit]")
    page.wait_for_url(f"{campus.portal}/**")
    return page


def release(page: Page, take: Take) -> None:
    page.get_by_role("link", name=COURSE).first.click()
    page.get_by_role("link", name=re.compile(TITLE)).first.click()
    take(page, "instructor-before-release")
    page.get_by_role("button", name="배포", exact=True).click()
    expect(page.get_by_text(re.compile("버전 1|1번째|v1|배포했습니다")).first).to_be_visible(timeout=400_000)
    take(page, "instructor-released")


def open_lab(page: Page, take: Take) -> None:
    page.get_by_role("link", name="실습실 열기").first.click()
    page.wait_for_url("**/user/*/lab**", timeout=120_000)
    expect(page.locator(".jp-Launcher").first).to_be_visible(timeout=120_000)
    page.locator(".lm-MenuBar-item", has_text="Nbgrader").click()
    page.locator(".lm-Menu-item", has_text="Assignment List").click()
    expect(page.locator("#released_assignments_list").get_by_text(ASSIGNMENT)).to_be_visible()
    take(page, "student-assignment-list")


def fetch(page: Page, take: Take) -> None:
    page.locator("#released_assignments_list button", has_text="Fetch").click()
    expect(page.locator("#fetched_assignments_list button", has_text="Submit")).to_be_visible()
    page.locator("#fetched_assignments_list a", has_text=ASSIGNMENT).first.click()
    notebook = page.locator("#fetched_assignments_list .nested_list_item a")
    expect(notebook).to_contain_text("마감")
    take(page, "student-fetched")
    notebook.click()
    expect(page.locator(".jp-NotebookPanel .jp-Cell").first).to_be_visible()


def answers() -> dict[str, str]:
    """What to type into a blank cell, by the name that the cell defines."""
    found: dict[str, str] = {}
    for cell in source_notebook("job-conversion", "machine-learning", ASSIGNMENT)["cells"]:
        if is_solution(cell) and cell["cell_type"] == "code":
            text = re.sub(r"^\s*### (BEGIN|END) SOLUTION.*\n?", "", text_of(cell), flags=re.M)
            found[first_name(text)] = text
    assert len(found) >= 5
    return found


def first_name(text: str) -> str:
    """The function that a cell defines; empty for the one that is free in form."""
    match = re.search(r"def (\w+)", text)
    return match.group(1) if match else ""


def solve_by_typing(page: Page, take: Take) -> None:
    """Go to each blank from the top, select what is there, and type the answer."""
    known = answers()
    blanks = page.locator(".jp-NotebookPanel .jp-CodeCell", has_text="raise NotImplementedError")
    for number in range(len(known)):
        cell = first_in_notebook(page, blanks)
        editor = cell.locator(".cm-content").first
        answer = known[first_name(editor.inner_text())]
        editor.click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(answer)
        if number == 0:
            take(page, "student-solving")
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-current.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)


def first_in_notebook(page: Page, blanks: Locator) -> Locator:
    """The first blank; scrolls on, and back, where JupyterLab has not drawn it yet or passed it before it was drawn."""
    for step in (400, -400, 300):
        for _ in range(60):
            if blanks.count():
                blanks.first.scroll_into_view_if_needed()
                return blanks.first
            page.mouse.move(760, 500)
            page.mouse.wheel(0, step)
            page.wait_for_timeout(150)
    raise AssertionError("no blank cell is left to scroll to")


def show_assignments(page: Page) -> None:
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="Assignments").click()


def validate(page: Page, take: Take) -> None:
    show_assignments(page)
    page.locator("#fetched_assignments_list button", has_text="Validate").click()
    dialog = page.locator(".jp-Dialog, .modal-dialog").filter(has_text=re.compile("Success|passes all", re.I))
    expect(dialog.first).to_be_visible(timeout=120_000)
    take(page, "student-validated")
    dialog.first.get_by_role("button").last.click()


def submit(page: Page, take: Take) -> None:
    show_assignments(page)
    page.locator("#fetched_assignments_list button", has_text="Submit").click()
    expect(page.locator("#submitted_assignments_list").get_by_text(ASSIGNMENT).first).to_be_visible(timeout=60_000)
    take(page, "student-submitted")


def student_looks(page: Page, campus: Campus) -> None:
    page.goto(campus.portal)
    page.get_by_role("link", name=re.compile(TITLE)).first.click()


def grade_by_hand(page: Page, campus: Campus, take: Take) -> None:
    """From the portal into formgrader, to the submission, give points, write a comment."""
    page.goto(f"{campus.portal}/teach")
    page.get_by_role("link", name=COURSE).first.click()
    take(page, "instructor-offering")
    with page.expect_navigation(timeout=120_000):
        page.get_by_role("button", name=re.compile("채점 서버")).first.click()
    page.wait_for_url("**/user/grading-**", timeout=120_000)
    frame = formgrader_frame(page)
    frame.get_by_role("link", name="Manual Grading", exact=False).first.click()
    frame.get_by_role("link", name=ASSIGNMENT).first.click()
    frame.get_by_role("link", name=ASSIGNMENT).first.click()
    frame.get_by_role("link", name=re.compile("Submission #1")).first.click()
    # the page's script puts the class and the placeholder there when it begins to listen
    points = frame.locator(f"input.score.needs_manual_grade[id='{BY_HAND}']")
    comment = frame.locator(f"textarea.comment[id='{BY_HAND}-comment'][placeholder]")
    expect(points).to_be_visible(timeout=60_000)
    store(page, "grade", frame.locator(f"input.score[id='{BY_HAND}']"), "5")
    store(page, "comment", comment, "근거가 분명합니다. Well argued.")
    expect(points).to_have_count(0)
    take(page, "instructor-formgrader")


def store(page: Page, what: str, field: Locator, text: str) -> None:
    """Write `text` into a field and wait until formgrader has stored it as a `grade` or a `comment`."""
    with page.expect_response(lambda answer: f"/api/{what}/" in answer.url and answer.request.method == "PUT") as put:
        field.fill(text)
        field.blur()
    assert put.value.status == 200


def formgrader_frame(page: Page) -> Page | FrameLocator:
    """Formgrader, whether it fills the window or sits in JupyterLab's frame."""
    if "/formgrader" in page.url:
        return page
    return page.frame_locator("iframe[src*=formgrader]")


@pytest.mark.timeout(1200)  # a machine that does other things as well takes its time over every click
def test_a_class_of_two_by_clicks(campus: Campus, browser: Browser, take: Take) -> None:
    instructor = sign_in(browser, campus, "prof-lee")
    release(instructor, take)

    student = sign_in(browser, campus, "minji")
    take(student, "student-portal")
    open_lab(student, take)
    fetch(student, take)
    solve_by_typing(student, take)
    validate(student, take)
    submit(student, take)
    student_looks(student, campus)
    # the page refreshes by itself until the automatic part is marked
    expect(student.get_by_text("자동 채점은 끝났고").first).to_be_visible(timeout=300_000)
    take(student, "student-waits-for-the-instructor")

    grade_by_hand(instructor, campus, take)
    instructor.goto(f"{campus.portal}/teach")
    instructor.get_by_role("link", name=COURSE).first.click()
    instructor.get_by_role("link", name=re.compile(TITLE)).first.click()
    instructor.get_by_role("button", name=re.compile("피드백 공개")).first.click()
    instructor.wait_for_load_state()
    take(instructor, "instructor-feedback-released")

    def mark_is_there() -> bool:
        student_looks(student, campus)
        return bool(re.search(r"32\s*/\s*35", student.locator("main").inner_text()))

    wait_for("the mark on the student's page", mark_is_there, 240, every=1)
    take(student, "student-mark")
    student.get_by_role("link", name=re.compile("피드백")).first.click()
    expect(student.locator("iframe").first).to_be_visible()
    shown = student.frame_locator("iframe").first
    expect(shown.get_by_text("Well argued.").first).to_be_visible()
    take(student, "student-feedback")
    assert_nothing_hidden(shown)


def assert_nothing_hidden(shown: Any) -> None:
    text = shown.locator("body").inner_text()
    assert "HIDDEN TESTS" not in text
