"""Hardware in a real browser: how its pages look, and a waiting room in which a turn comes and the lab starts.

Pictures are kept in test-output/portal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browsing import LOOKS, OUTPUT, chromium, listen, look_at, open_browser
from lending_site import TOKENS, change_lease, declare, give_back, lent, plan, put_server
from playwright.sync_api import Browser, expect
from portal_site import COURSE, PEOPLE, Site, fill, run_site

from cohorts.models import Role
from cohorts.people import ensure_membership, ensure_person
from gpus.desk import Place
from gpus.inventory import drain
from gpus.models import Node, NodeState
from gpus.readings import Reading, take_readings
from gpus.usage import accrue_all
from gpus.writer import deciding

pytestmark = pytest.mark.browser

WAITS, HAS = "haneul.lee", "minseo.kim"
TIMETABLE = (
    "날짜,시작,끝,수업,장비,자리\r\n2031-03-09,14:00,17:00,딥러닝 실습,GPU 조각,20\r\n"
    "2031-03-10,오전 9:30,12:00,파이썬 복습,,\r\n"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A campus with one slice."""
    declare(tmp_path / "data", 1)
    with run_site(tmp_path / "data", **TOKENS) as site:
        fill(site)
        yield site


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A campus in the afternoon: most slices are lent, some people wait, a node is drained and one is down."""
    folder = tmp_path_factory.mktemp("busy") / "data"
    declare(folder, 84, nodes=12, rules={"weekly_hours": 20})
    with run_site(folder, **TOKENS) as site:
        fill(site)
        now = datetime.now(UTC)
        people = [f"trainee.{number:03}" for number in range(1, 100)]
        with site.campus.database.write() as session:
            for number, name in enumerate(people):
                ensure_person(session, username=name, name=f"교육생{number + 1}", now=now)
                ensure_membership(session, "jc-2026-2", name, Role.STUDENT, now)
        plan(site, "딥러닝 실습", begins=timedelta(days=1, hours=2), seats=40)
        plan(site, "파이썬 복습", begins=timedelta(days=2), profile=None)
        plan(site, "생성형 AI 프로젝트", begins=timedelta(days=3), seats=120)
        plan(site, "지난 수업", begins=-timedelta(days=3), seats=4)
        with deciding(site.campus.database) as session:
            drain(session, "node11", True)
            session.get_one(Node, "node12").state = NodeState.DOWN
        for name in people[:70]:
            lent(site, name)
        for name in (*people[70:80], "jiho.jung"):
            assert isinstance(site.campus.desk.ask(name, "gpu-slice", now), Place)
        put_server(site, "jiho.jung", "cpu")
        for number in range(1, 12):
            node = f"node{number}"
            with deciding(site.campus.database) as session:
                devices = [f"GPU-{node}-{place}" for place in range(84) if place % 12 + 1 == number]
                readings = [Reading(one, (place * 0.17) % 1, 1, 900) for place, one in enumerate(devices)]
                take_readings(session, node, readings, now)
        for place, name in enumerate(people[:20]):
            change_lease(site, name, starting_at=now - timedelta(minutes=20 * place))
        with deciding(site.campus.database) as session:
            accrue_all(session, now, timedelta(days=2), "Asia/Seoul")
        yield site


PAGES = {
    "lab-choice": (WAITS, "/hardware"),
    "lab-choice-running": ("jiho.jung", "/hardware"),
    "lab-waiting": ("jiho.jung", "/waiting"),
    "lab-home": (WAITS, "/"),
    "admin-gpus": ("sera.oh", "/gpus"),
    "admin-gpus-people": ("sera.oh", "/gpus?by=person&q=trainee.01"),
    "admin-timetable": ("sera.oh", "/cohorts/jc-2026-1/timetable"),
    "instructor-timetable": ("yuna.kim", "/cohorts/jc-2026-1/timetable"),
    "admin-cohort-with-timetable": ("sera.oh", "/cohorts/jc-2026-1"),
    "instructor-course-with-timetable": ("yuna.kim", f"/teach/{COURSE}"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_pages_of_hardware_are_whole_readable_and_kept_as_pictures(browser: Browser, busy: Site, look: str) -> None:
    locale, viewport, scheme = LOOKS[look]
    folder = OUTPUT / look
    folder.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    for who in sorted({who for who, _ in PAGES.values()}):
        options = {"viewport": viewport, "color_scheme": scheme, "reduced_motion": "reduce"}
        context = open_browser(browser, busy, who, locale=locale, **options)
        page = context.new_page()
        complaints = listen(page)
        for name, (reader, path) in PAGES.items():
            if reader == who:
                complaints.clear()
                page.goto(busy.url + path)
                page.screenshot(path=folder / f"{name}.png", full_page=True)
                faults += [f"{name}: {fault}" for fault in look_at(page, locale)]
                faults += [f"{name}: {text}" for text in complaints]
        context.close()
    assert faults == []


def test_a_turn_comes_while_the_page_is_open_and_the_lab_starts_by_itself(browser: Browser, site: Site) -> None:
    lent(site, HAS)
    context = open_browser(browser, site, WAITS, viewport={"width": 390, "height": 844})
    page = context.new_page()
    complaints = listen(page)
    page.goto(site.url + "/")
    page.get_by_role("link", name="실습실 열기").click()
    card = page.locator(".card", has_text="GPU 조각")
    expect(card).to_contain_text("0 / 1")
    card.get_by_role("button", name="대기하기").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("대기 순서 1번째입니다")
    page.wait_for_selector(".following")
    page.evaluate("window.notReloaded = true")
    assert page.evaluate("window.notReloaded")
    give_back(site, HAS)
    expect(page.get_by_role("heading", level=1)).to_have_text("JupyterLab")
    assert page.url.endswith("/hub/user-redirect/lab")
    held, place = site.campus.desk.look(WAITS, datetime.now(UTC))
    assert held is not None
    assert (held.state, place) == ("running", None)
    assert site.hub.users[WAITS]["servers"][""]["user_options"]["profile"] == "gpu-slice"
    assert complaints == []
    context.close()


def test_a_cpu_lab_is_not_stopped_by_itself_when_the_turn_comes(browser: Browser, site: Site) -> None:
    lent(site, HAS)
    context = open_browser(browser, site, WAITS)
    page = context.new_page()
    page.goto(site.url + "/hardware")
    page.locator(".card", has_text="GPU 조각").get_by_role("button", name="대기하기").click()
    page.get_by_role("button", name="그동안 CPU 실습실 쓰기").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("JupyterLab")
    page.goto(site.url + "/waiting")
    page.wait_for_selector(".following")
    page.evaluate("window.notReloaded = true")
    give_back(site, HAS)
    expect(page.get_by_role("heading", level=1)).to_have_text("차례가 되었습니다")
    assert page.evaluate("window.notReloaded")
    expect(page.locator("[data-countdown]")).to_have_text(re.compile(r"^[45]:\d\d$"))
    folder = OUTPUT / "ko-desktop"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / "lab-turn.png", full_page=True)
    assert look_at(page, "ko") == []
    assert site.hub.users[WAITS]["servers"][""]["user_options"]["profile"] == "cpu"
    page.get_by_role("button", name="그 실습실을 끄고 GPU 조각 시작").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("JupyterLab")
    assert site.hub.users[WAITS]["servers"][""]["user_options"]["profile"] == "gpu-slice"
    context.close()


def test_a_turn_that_lapses_while_the_page_is_open_is_told_with_the_way_back(browser: Browser, site: Site) -> None:
    lent(site, HAS)
    put_server(site, WAITS, "cpu")
    context = open_browser(browser, site, WAITS)
    page = context.new_page()
    page.goto(site.url + "/hardware")
    page.get_by_role("button", name="대기하고, 차례가 되면 바꾸기").click()
    page.wait_for_selector(".following")
    give_back(site, HAS)
    expect(page.get_by_role("heading", level=1)).to_have_text("차례가 되었습니다")
    site.hub.users[WAITS]["servers"] = {}
    change_lease(site, WAITS, answer_by=datetime.now(UTC) - timedelta(seconds=1))
    expect(page.get_by_role("heading", name="차례가 지나갔습니다")).to_be_visible()
    page.get_by_role("button", name="GPU 조각 다시 신청하기").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("JupyterLab")
    context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_a_timetable_is_filled_by_a_form_and_a_file(browser: Browser, site: Site, script: bool) -> None:
    context = open_browser(browser, site, "yuna.kim", script=script)
    page = context.new_page()
    page.goto(f"{site.url}/teach/{COURSE}")
    page.get_by_role("link", name="시간표").click()
    page.get_by_label("수업 이름").fill("모델 튜닝")
    page.locator("#day").fill("2031-03-08")
    page.locator("#starts").fill("14:00")
    page.locator("#ends").fill("17:00")
    page.get_by_label("비워 둘 장비").select_option(label="GPU 조각")
    page.get_by_role("button", name="이 수업 넣기").click()
    expect(page.get_by_role("status")).to_have_text("시간표에 수업을 넣었습니다.")
    row = page.get_by_role("row", name=re.compile("모델 튜닝"))
    students = sum(role is Role.STUDENT for _, role in PEOPLE.values())
    expect(row).to_contain_text(f"GPU 조각 × {students}")
    expect(row).to_contain_text("13:45부터 준비")
    expect(row).to_contain_text(f"그 시간에 {students - 1}개 모자람")
    file = {"name": "시간표.csv", "mimeType": "text/csv", "buffer": TIMETABLE.encode("cp949")}
    page.get_by_label("시간표 파일").set_input_files(file)
    page.get_by_role("button", name="모두 넣기").click()
    expect(page.get_by_role("status")).to_have_text("수업 2개를 넣었습니다.")
    page.get_by_role("button", name="파이썬 복습 빼기").click()
    expect(page.get_by_role("status")).to_have_text("시간표에서 수업을 뺐습니다.")
    expect(page.locator("tbody tr")).to_have_count(2)
    context.close()
