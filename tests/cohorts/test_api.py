"""The cohorts' API as programs and browsers meet it, in a running portal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from portal_site import Site, fill, run_site
from waiting import wait_for

ADMIN, INSTRUCTOR, STUDENT, OUTSIDER = "sera.oh", "yuna.kim", "haneul.lee", "other.teacher"
HEADER = "이름,아이디,이메일,역할\n"
KNOWN = (
    HEADER + "이하늘,haneul.lee,,\n김민서,minseo.kim,,\n정지호,jiho.jung,,\n최서연,seoyeon.choi,,\n한도윤,doyun.han,,\n"
)
WHOLE = KNOWN + "윤예린,yerin.yun,,\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with run_site(tmp_path_factory.mktemp("site") / "data") as site:
        fill(site)
        yield site


@pytest.fixture
def admin(site: Site) -> Iterator[httpx.Client]:
    with site.client(ADMIN) as client:
        yield client


def upload(client: httpx.Client, text: str, cohort_id: str = "jc-2026-1") -> Any:
    answer = client.post(
        f"/api/cohorts/{cohort_id}/roster",
        params={"filename": "명단.csv"},
        content=text.encode("cp949"),
        headers={"Content-Type": "text/csv"},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_roster_is_previewed_applied_and_reaches_the_hub(site: Site, admin: httpx.Client) -> None:
    seen = upload(admin, WHOLE + "새사람,newcomer,new@example.kr,학생\n")
    assert [entry["username"] for entry in seen["added"]] == ["newcomer"]
    assert (seen["filename"], seen["withdrawn"], seen["can_apply"]) == ("명단.csv", [], True)
    assert [entry["username"] for entry in seen["kept_staff"]] == ["yuna.kim", "jun.park"]
    assert "newcomer" not in site.hub.users
    assert admin.get(f"/api/roster-imports/{seen['id']}").json() == seen

    done = admin.post(f"/api/roster-imports/{seen['id']}/apply")
    assert (done.status_code, done.json()["state"]) == (200, "applied")
    assert [entry["username"] for entry in done.json()["added"]] == ["newcomer"]
    wait_for("the hub hears of it", lambda: "newcomer" in site.hub.groups.get("nbgrader-jc-2026-1-python-data", []))
    again = admin.post(f"/api/roster-imports/{seen['id']}/apply")
    assert (again.status_code, again.json()["error_ko"]) == (409, f"명단 {seen['id']}번은 이미 적용되었습니다.")

    back = upload(admin, WHOLE)
    assert [entry["username"] for entry in back["withdrawn"]] == ["newcomer"]
    admin.post(f"/api/roster-imports/{back['id']}/apply")
    wait_for("the hub lets go", lambda: "newcomer" not in site.hub.users)


def test_concerns_are_answered_by_confirming(admin: httpx.Client) -> None:
    seen = upload(admin, WHOLE + "다른사람,other.student,,\n")
    assert seen["needs_confirmation"]
    assert "제갈민" in seen["concerns"][0]["ko"]
    refused = admin.post(f"/api/roster-imports/{seen['id']}/apply")
    assert refused.status_code == 409
    assert "needs your confirmation" in refused.json()["error"]
    assert admin.post(f"/api/roster-imports/{seen['id']}/drop").json()["state"] == "dropped"
    refused = admin.post(f"/api/roster-imports/{seen['id']}/apply", json={"confirm": True})
    assert refused.status_code == 409


def test_a_form_upload_is_the_same(admin: httpx.Client) -> None:
    answer = admin.post("/api/cohorts/jc-2026-1/roster", files={"file": ("1기.csv", WHOLE.encode("utf-8-sig"))})
    assert (answer.status_code, answer.json()["filename"], answer.json()["people"]) == (201, "1기.csv", 6)
    missing = admin.post("/api/cohorts/jc-2026-1/roster", files={"other": ("1기.csv", b"x")})
    assert (missing.status_code, "field 'file'" in missing.json()["error"]) == (422, True)


def test_wrong_rows_come_back_with_their_lines(admin: httpx.Client) -> None:
    seen = upload(admin, HEADER + "이하늘,haneul.lee,,반장\n")
    assert [(problem["line"], problem["ko"]) for problem in seen["problems"]] == [
        (2, "'반장' 역할을 알 수 없습니다. 학생, 조교, 강사 가운데 하나를 쓰세요.")
    ]
    refused = admin.post(f"/api/roster-imports/{seen['id']}/apply")
    assert refused.status_code == 422


@pytest.mark.parametrize("form", [True, False], ids=["form", "body"])
def test_a_file_that_is_too_large_is_refused(admin: httpx.Client, form: bool) -> None:
    data = b"x" * (2 * 1024 * 1024 + 1)
    if form:
        answer = admin.post("/api/cohorts/jc-2026-1/roster", files={"file": ("big.csv", data)})
    else:
        answer = admin.post("/api/cohorts/jc-2026-1/roster", content=data)
    assert answer.status_code == 413
    assert "error_ko" in answer.json()


def test_a_cohort_is_opened_and_found(site: Site, admin: httpx.Client) -> None:
    wanted = {"id": "jc-2027-1", "track": "job-conversion", "title": "2027년 1기", "starts_on": "2027-03-02"}
    made = admin.post("/api/cohorts", json=wanted)
    assert made.status_code == 201, made.text
    assert [offering["id"] for offering in made.json()["offerings"]] == [
        "jc-2027-1-machine-learning",
        "jc-2027-1-python-data",
    ]
    assert made.json()["timezone"] == "Asia/Seoul"
    assert admin.get("/api/cohorts/jc-2027-1").json() == made.json()
    assert "jc-2027-1" in [cohort["id"] for cohort in admin.get("/api/cohorts").json()]
    assert (site.settings.offerings / "jc-2027-1-python-data" / "source").is_dir()
    assert admin.post("/api/cohorts", json=wanted).status_code == 409
    assert admin.post("/api/cohorts", json=wanted | {"id": "jc-2027-2", "track": "cooking"}).status_code == 422
    assert admin.post("/api/cohorts", json=wanted | {"id": "x", "starts_on": "soon"}).status_code == 422


@pytest.mark.parametrize(
    ("who", "status"), [(ADMIN, 200), (INSTRUCTOR, 200), ("jun.park", 200), (STUDENT, 404), (OUTSIDER, 404)]
)
def test_members_are_for_administrators_and_the_cohorts_staff(site: Site, who: str, status: int) -> None:
    with site.client(who) as client:
        answer = client.get("/api/cohorts/jc-2026-1/members")
    assert answer.status_code == status
    if status == 200:
        assert [member["username"] for member in answer.json()][:2] == ["yuna.kim", "jun.park"]
    else:
        assert "@" not in answer.text


@pytest.mark.parametrize("who", [INSTRUCTOR, STUDENT, None], ids=str)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/cohorts"),
        ("POST", "/api/cohorts"),
        ("GET", "/api/cohorts/jc-2026-1"),
        ("POST", "/api/cohorts/jc-2026-1/roster"),
        ("GET", "/api/roster-imports/1"),
        ("POST", "/api/roster-imports/1/apply"),
        ("POST", "/api/roster-imports/1/drop"),
    ],
)
def test_everything_else_is_for_administrators(site: Site, method: str, path: str, who: str | None) -> None:
    with site.client(who) as client:
        answer = client.request(method, path)
    assert answer.status_code == (403 if who else 401), answer.text


def test_a_server_of_an_administrators_has_no_administrators_rights(site: Site) -> None:
    with site.program(ADMIN, [f"access:servers!server={ADMIN}/"]) as server:
        assert server.get("/api/cohorts").status_code == 403


def test_an_import_needs_the_sessions_csrf_token(site: Site) -> None:
    with site.client(ADMIN) as client:
        del client.headers["X-CSRF-Token"]
        assert client.post("/api/cohorts/jc-2026-1/roster", content=WHOLE.encode()).status_code == 403


def test_people_see_their_own_offerings(site: Site) -> None:
    with site.client(STUDENT) as client:
        mine = client.get("/api/me/offerings").json()
    assert [(offering["id"], offering["role"]) for offering in mine] == [
        ("jc-2026-1-machine-learning", "student"),
        ("jc-2026-1-python-data", "student"),
    ]
    with site.client(ADMIN) as client:
        assert client.get("/api/me/offerings").json() == []


def test_what_does_not_exist_is_named(admin: httpx.Client) -> None:
    for path in ("/api/cohorts/nowhere", "/api/roster-imports/999", "/api/cohorts/nowhere/members"):
        assert admin.get(path).status_code == 404
    assert admin.post("/api/cohorts/nowhere/roster", content=WHOLE.encode()).status_code == 404
