"""What an administrator does: open a cohort, look at a roster and apply it, hand out a demonstration's passwords."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_hub import PREFIX
from portal_site import COURSE, Site, fill, run_site
from waiting import wait_for

from cohorts.models import Cohort, Membership, MembershipState
from grader.assignments import assignments_of
from portal.campus import ensure_source, open_cohort
from portal.demo import demo_password

FORM = {"track": "job-conversion", "title": "직무전환 3기", "cohort_id": "jc-2026-3", "starts_on": "2026-03-02"}
ROSTER = (
    "이름,아이디,이메일,역할\r\n"
    "김윤아,yuna.kim,yuna.kim@example.kr,강사\r\n"
    '"강, 다온",daon.kang,daon@example.kr,학생\r\n'
)


def upload(site: Site, data: bytes, cohort: str = "jc-2026-1", name: str = "명단.csv") -> str:
    """The path of the preview that the roster leads to."""
    with site.client("sera.oh") as client:
        answer = client.post(f"/cohorts/{cohort}/roster", files={"roster": (name, data, "text/csv")})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"]).removeprefix(PREFIX)


def active(site: Site) -> set[str]:
    with site.campus.database.read() as session:
        rows = session.query(Membership).filter_by(cohort_id="jc-2026-1", state=MembershipState.ACTIVE)
        return {row.username for row in rows}


def test_opening_a_cohort_gives_it_courses_assignments_deadlines_and_sources(empty_site: Site) -> None:
    with empty_site.client("sera.oh") as client:
        answer = client.post("/cohorts", data=FORM)
        assert answer.headers["location"] == f"{PREFIX}/cohorts/jc-2026-3?done=opened"
        page = client.get("/cohorts/jc-2026-3?done=opened").text
        assert "기수를 열었습니다" in page
        assert "파이썬과 데이터" in page
        assert "아직 구성원이 없습니다" in page
    with empty_site.campus.database.read() as session:
        [first, *_] = assignments_of(session, "jc-2026-3-python-data")
        assert first.due_at is not None
        assert first.due_at > datetime(2026, 3, 2, tzinfo=UTC)
    source = empty_site.settings.offerings / "jc-2026-3-python-data" / "source"
    assert (source / "first-steps" / "first-steps.ipynb").is_file()
    assert (source / "cafe-sales" / "cafe_sales.csv").is_file()
    assert not list((empty_site.settings.offerings / "jc-2026-3-python-data").glob(".arriving-*"))
    wait_for("the hub hears of it at once", lambda: "grading-jc-2026-3-python-data" in empty_site.hub.users, 4)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"cohort_id": "JC 2026"}, "기수 ID로 쓸 수 없습니다"),
        ({"starts_on": "soon"}, "날짜가 아닙니다"),
        ({"track": "nothing"}, "과정(track)이 없습니다"),
        ({"title": "  "}, "기수 이름은"),
        ({"cohort_id": "../../x"}, "기수 ID로 쓸 수 없습니다"),
    ],
)
def test_a_cohort_that_cannot_be_is_refused_with_what_was_typed_still_there(
    empty_site: Site, wrong: dict[str, str], sentence: str
) -> None:
    with empty_site.client("sera.oh") as client:
        answer = client.post("/cohorts", data=FORM | wrong)
        assert answer.status_code == 422
        assert sentence in answer.text
        kept = FORM["title"] if "title" not in wrong else FORM["cohort_id"]
        assert f'value="{kept}"' in answer.text
    with empty_site.campus.database.read() as session:
        assert session.query(Cohort).count() == 0
    assert not empty_site.settings.offerings.exists()


def test_what_instructors_edited_is_never_overwritten(site: Site) -> None:
    folder = site.settings.offerings / COURSE
    edited = folder / "source" / "first-steps" / "first-steps.ipynb"
    edited.write_text("edited by its instructor")
    (folder / "source" / "cafe-sales" / "cafe-sales.ipynb").unlink()
    (folder / "source" / "cafe-sales" / "cafe_sales.csv").unlink()
    (folder / "source" / "cafe-sales" / "cafe_sales_beach.csv").unlink()
    (folder / "source" / "cafe-sales").rmdir()
    course = site.campus.catalogue.course("job-conversion", "python-data")
    assert ensure_source(folder, course) == ["cafe-sales"]
    assert edited.read_text() == "edited by its instructor"
    assert (folder / "source" / "cafe-sales" / "cafe-sales.ipynb").is_file()


def test_opening_a_cohort_twice_is_refused_and_changes_nothing(site: Site) -> None:
    with site.client("sera.oh") as client:
        answer = client.post("/cohorts", data=FORM | {"cohort_id": "jc-2026-1"})
        assert answer.status_code == 409
        assert "이미 있습니다" in answer.text
    with site.campus.database.read() as session:
        assert session.get_one(Cohort, "jc-2026-1").title == "2026년 상반기 직무전환 1기"


def test_a_cohort_of_the_command_line_needs_no_hub(tmp_path: Path) -> None:
    from dataclasses import dataclass

    from portal_site import make_settings

    from cohorts.database import Database, migrate
    from courses.catalogue import load_catalogue
    from courses.model import Catalogue
    from grader.storage import Storage
    from portal.settings import PortalSettings

    @dataclass
    class House:
        settings: PortalSettings
        database: Database
        storage: Storage
        catalogue: Catalogue

    settings = make_settings(tmp_path, 1)
    migrate(settings.database_url)
    house = House(
        settings, Database(settings.database_url), Storage(settings.storage), load_catalogue(settings.courses)
    )
    opened = open_cohort(
        house,
        cohort_id="a",
        track="job-conversion",
        starts_on=datetime.now(UTC).date(),
        title="A",
        now=datetime.now(UTC),
    )
    assert opened.timezone == "Asia/Seoul"
    house.database.close()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_a_roster_is_shown_before_it_is_applied(site: Site, encoding: str) -> None:
    before = active(site)
    path = upload(site, ROSTER.encode(encoding))
    assert active(site) == before
    with site.client("sera.oh") as client:
        page = client.get(path).text
        assert "강, 다온" in page
        assert "다시 한번 확인해 주세요" in page
        refused = client.post(f"{path}/apply")
        assert refused.status_code == 409
        assert active(site) == before
        answer = client.post(f"{path}/apply", data={"confirm": "yes"})
        assert answer.headers["location"].endswith("?done=applied")
        assert active(site) == {"yuna.kim", "daon.kang"}
        assert "명단을 적용했습니다" in client.get("/cohorts/jc-2026-1?done=applied").text
        assert client.post(f"{path}/apply", data={"confirm": "yes"}).status_code == 409
    wait_for("the hub follows", lambda: "daon.kang" in site.hub.users and "haneul.lee" not in site.hub.users, 6)


def test_a_dropped_roster_changes_nobody(site: Site) -> None:
    before = active(site)
    path = upload(site, ROSTER.encode())
    with site.client("sera.oh") as client:
        assert client.post(f"{path}/drop").headers["location"].endswith("?done=dropped")
        assert "버린 명단입니다" in client.get(path).text
    assert active(site) == before


def test_wrong_rows_are_listed_by_line_and_nothing_can_be_applied(site: Site) -> None:
    data = "이름,아이디\n이하늘,haneul.lee\n,nobody1\n박하나,grading-x\n"
    path = upload(site, data.encode())
    with site.client("sera.oh") as client:
        page = client.get(path).text
        assert "읽을 수 없는 줄이 2개 있습니다" in page
        assert '<th scope="row" class="number">3</th>' in page
        assert "이름이 없습니다" in page
        assert "이 명단 적용" not in page
        assert client.post(f"{path}/apply", data={"confirm": "yes"}).status_code == 422


def test_a_file_that_is_no_roster_is_told_apart(site: Site) -> None:
    path = upload(site, b"PK\x03\x04" + b"\0" * 100, name="명단.xlsx")
    with site.client("sera.oh") as client:
        assert "엑셀" in client.get(path).text


def test_a_form_without_a_file_and_a_file_beyond_all_bounds_are_refused(site: Site) -> None:
    with site.client("sera.oh") as client:
        assert client.post("/cohorts/jc-2026-1/roster", files={"other": ("x", b"y")}).status_code == 422
        huge = client.post("/cohorts/jc-2026-1/roster", files={"roster": ("r.csv", b"x" * 5_000_000)})
        assert huge.status_code == 413
        assert "너무 커서" in huge.text


def test_a_preview_is_only_shown_under_its_own_cohort(site: Site) -> None:
    path = upload(site, ROSTER.encode())
    elsewhere = path.replace("jc-2026-1", "jc-2026-2")
    with site.client("sera.oh") as client:
        assert client.get(elsewhere).status_code == 404
        assert client.post(f"{elsewhere}/apply", data={"confirm": "yes"}).status_code == 404


def test_the_demonstrations_passwords_are_the_hubs(busy_site: Site) -> None:
    with busy_site.client("sera.oh") as client:
        page = client.get("/cohorts/jc-2026-1/passwords").text
    assert demo_password(busy_site.settings.demo_secret, "haneul.lee") in page
    assert page.count('class="slip"') == 8


def test_with_a_real_sign_in_there_are_no_passwords_to_show(tmp_path: Path) -> None:
    with run_site(tmp_path / "data", sign_in="oidc", demo_secret="") as site:
        fill(site)
        with site.client("sera.oh") as client:
            assert client.get("/cohorts/jc-2026-1/passwords").status_code == 404
            assert "비밀번호" not in client.get("/cohorts/jc-2026-1").text


def test_administrators_by_setting_are_there_from_the_first_start(empty_site: Site) -> None:
    with empty_site.client("sera.oh") as client:
        assert client.get("/api/me").json()["is_admin"] is True
        assert "아직 기수가 없습니다" in client.get("/cohorts").text
