"""What a learner sees: each state of an assignment, deadlines, attempts, receipts, marks, and nobody else's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from portal_site import COURSE, FEEDBACK_HTML, Site, hand_in

from grader.assignments import find_assignment
from grader.extensions import grant_extension
from grader.models import Attempt, MarkingState
from grader.releases import withdraw_release

WHO = "haneul.lee"


def state(site: Site, assignment: str = "first-steps", who: str = WHO) -> str:
    with site.client(who) as client:
        return str(client.get(f"/api/me/offerings/{COURSE}/assignments/{assignment}").json()["state"])


def move_deadline(site: Site, assignment: str, by: timedelta) -> None:
    with site.campus.database.write() as session:
        find_assignment(session, COURSE, assignment).due_at = datetime.now(UTC) + by


@pytest.mark.parametrize(
    ("work", "expected", "chip"),
    [
        ({"state": MarkingState.QUEUED}, "submitted", "제출 완료"),
        ({"state": MarkingState.RUNNING}, "marking", "채점 중"),
        ({"state": MarkingState.FAILED}, "failed", "채점 중단"),
        ({"score": 3, "max_score": 5}, "marked", "채점 완료"),
        ({"score": 3, "max_score": 5, "needs_manual": True}, "manual", "직접 채점 대기"),
        ({"score": 3, "max_score": 5, "feedback": "<p>f</p>", "released": False}, "marked", "채점 완료"),
        ({"score": 3, "max_score": 5, "feedback": "<p>f</p>"}, "feedback", "피드백 공개"),
        ({"score": 3, "max_score": 5, "feedback": "<p>f</p>", "needs_manual": True}, "manual", "직접 채점 대기"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isascii() else "",
)
def test_a_submission_has_one_state_everywhere(site: Site, work: dict, expected: str, chip: str) -> None:
    hand_in(site.campus, COURSE, "first-steps", WHO, **work)
    assert state(site) == expected
    with site.client(WHO) as client:
        assert f'<span class="chip {expected}">{chip}</span>' in client.get("/").text
        assert f'<span class="chip {expected}">{chip}</span>' in client.get(f"/learn/{COURSE}/first-steps").text


def test_an_assignment_is_open_until_its_deadline_and_closed_after_it(site: Site) -> None:
    assert state(site) == "open"
    move_deadline(site, "first-steps", timedelta(seconds=-1))
    assert state(site) == "closed"
    with site.client(WHO) as client:
        assert "마감이 지났고 제출한 것이 없습니다" in client.get(f"/learn/{COURSE}/first-steps").text


def test_an_extension_opens_it_again_for_that_student_only(site: Site) -> None:
    move_deadline(site, "first-steps", timedelta(hours=-1))
    now = datetime.now(UTC)
    with site.campus.database.write() as session:
        row = find_assignment(session, COURSE, "first-steps")
        grant_extension(session, row, WHO, now + timedelta(days=2), "yuna.kim", now)
    assert state(site) == "open"
    assert state(site, who="minseo.kim") == "closed"
    with site.client(WHO) as client:
        page = client.get("/").text
        assert "연장됨" in page
        assert "1일 23시간 남음" in page


def test_an_assignment_that_is_not_released_is_announced_but_cannot_be_opened(site: Site) -> None:
    with site.campus.database.write() as session:
        withdraw_release(session, find_assignment(session, COURSE, "air-quality"), datetime.now(UTC))
    assert state(site, "air-quality") == "not-released"
    with site.client(WHO) as client:
        page = client.get("/").text
        assert "배포 전" in page
        assert f"/learn/{COURSE}/air-quality" not in page
        assert client.get(f"/learn/{COURSE}/air-quality").status_code == 404


def test_marks_are_hidden_until_feedback_is_released(site: Site) -> None:
    hand_in(site.campus, COURSE, "first-steps", WHO, score=7.5, max_score=9, feedback=FEEDBACK_HTML, released=False)
    with site.client(WHO) as client:
        for path in ("/", f"/learn/{COURSE}/first-steps"):
            assert "7.5" not in client.get(path).text
        shape = client.get(f"/api/me/offerings/{COURSE}/assignments/first-steps").json()
        assert shape["attempts"][0]["score"] is None
        assert shape["attempts"][0]["has_feedback"] is False


def test_every_attempt_has_its_receipt(site: Site) -> None:
    for number in (1, 2):
        hand_in(site.campus, COURSE, "first-steps", WHO, number=number, score=number, max_score=5, feedback="<p></p>")
    with site.campus.database.read() as session:
        hashes = [row.sha256 for row in session.query(Attempt).order_by(Attempt.number)]
    with site.client(WHO) as client:
        page = client.get(f"/learn/{COURSE}/first-steps").text
    for sha256 in hashes:
        assert f"<code>{sha256}</code>" in page
    assert page.index("2차 제출") < page.index("1차 제출")
    assert page.index("성적에 반영") < page.index("1차 제출")


def test_where_the_best_attempt_counts_the_mark_is_the_best_ones(site: Site) -> None:
    from grader.models import Counting

    with site.campus.database.write() as session:
        find_assignment(session, COURSE, "first-steps").counting = Counting.BEST
    for number, score in ((1, 9), (2, 9), (3, 2)):
        hand_in(site.campus, COURSE, "first-steps", WHO, number=number, score=score, max_score=10, feedback="<p></p>")
    with site.client(WHO) as client:
        shape = client.get(f"/api/me/offerings/{COURSE}/assignments/first-steps").json()
        assert shape["counted_attempt"] == 2
        assert "가장 높은 점수를 반영" in client.get(f"/learn/{COURSE}/first-steps").text


def test_while_a_new_attempt_is_marked_the_mark_is_still_the_one_before(site: Site) -> None:
    hand_in(site.campus, COURSE, "first-steps", WHO, score=4, max_score=10, feedback="<p></p>")
    hand_in(site.campus, COURSE, "first-steps", WHO, number=2, state=MarkingState.RUNNING)
    with site.client(WHO) as client:
        shape = client.get(f"/api/me/offerings/{COURSE}/assignments/first-steps").json()
        assert (shape["state"], shape["counted_attempt"]) == ("marking", 1)
        assert "<strong>4</strong>" in client.get("/").text


def test_attempts_left_are_counted_down(site: Site) -> None:
    with site.campus.database.write() as session:
        find_assignment(session, COURSE, "first-steps").attempt_limit = 2
    hand_in(site.campus, COURSE, "first-steps", WHO)
    with site.client(WHO) as client:
        assert "1번 더 제출할 수 있음" in client.get("/").text
    hand_in(site.campus, COURSE, "first-steps", WHO, number=2)
    with site.client(WHO) as client:
        shape = client.get(f"/api/me/offerings/{COURSE}/assignments/first-steps").json()
        assert (shape["attempts_left"], shape["may_submit"]) == (0, False)


def test_a_student_sees_nothing_of_another_student(busy_site: Site) -> None:
    with busy_site.client("yerin.yun") as client:
        pages = client.get("/").text + client.get(f"/learn/{COURSE}/first-steps").text
        pages += client.get("/api/me/assignments").text
        assert "haneul" not in pages
        assert "9.5" not in pages
        for attempt in range(1, 12):
            assert client.get(f"/feedback/{attempt}").status_code == 404
            assert client.get(f"/feedback/{attempt}/first-steps.html").status_code == 404


def test_feedback_is_shown_in_a_frame_that_may_do_nothing(busy_site: Site) -> None:
    with busy_site.client(WHO) as client:
        page = client.get(f"/learn/{COURSE}/first-steps").text
        attempt = re.findall(r"/feedback/(\d+)", page)[0]
        around = client.get(f"/feedback/{attempt}")
        assert (
            f'<iframe class="feedback" sandbox src="/services/portal/feedback/{attempt}/first-steps.html"'
            in around.text
        )
        inside = client.get(f"/feedback/{attempt}/first-steps.html")
        assert inside.content == FEEDBACK_HTML.encode()
        policy = inside.headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'")
        assert "script-src" not in policy
        assert "allow-" not in policy


@pytest.mark.parametrize("name", ["..%2Fsecret.html", "first-steps.ipynb", "nothing.html", "%2Fetc%2Fpasswd"])
def test_only_files_of_the_bundle_can_be_asked_for(busy_site: Site, name: str) -> None:
    with busy_site.client(WHO) as client:
        attempt = re.findall(r"/feedback/(\d+)", client.get(f"/learn/{COURSE}/first-steps").text)[0]
        assert client.get(f"/feedback/{attempt}/{name}").status_code == 404


def test_somebody_in_no_course_is_told_what_to_do(empty_site: Site) -> None:
    from cohorts.models import Cohort, Role
    from cohorts.people import ensure_membership, ensure_person

    now = datetime.now(UTC)
    with empty_site.campus.database.write() as session:
        session.add(
            Cohort(id="c", track="gone", title="c", starts_on=now.date(), timezone="Asia/Seoul", created_at=now)
        )
        ensure_person(session, username="new.comer", name="새얼굴", now=now)
        ensure_membership(session, "c", "new.comer", Role.STUDENT, now)
    with empty_site.client("new.comer") as client:
        page = client.get("/").text
        assert "지금 참여 중인 과목이 없습니다" in page
        assert "명단에 등록하면" in page
    with empty_site.client("sera.oh") as client:
        assert client.get("/").headers["location"] == "/services/portal/cohorts"


def test_a_name_is_shown_and_never_run(site: Site) -> None:
    from cohorts.models import Person

    with site.campus.database.write() as session:
        session.get_one(Person, WHO).name = "<script>alert(1)</script>"
    with site.client(WHO) as client:
        page = client.get("/").text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_page_refreshes_itself_only_while_something_will_change(site: Site) -> None:
    hand_in(site.campus, COURSE, "cafe-sales", WHO, state=MarkingState.RUNNING)
    hand_in(site.campus, COURSE, "first-steps", WHO, score=10, max_score=10, feedback=FEEDBACK_HTML)
    with site.client(WHO) as client:
        trigger = 'hx-trigger="bitgoeul-attempt from:body, every 30s"'
        assert trigger in client.get(f"/learn/{COURSE}/cafe-sales").text
        assert trigger not in client.get(f"/learn/{COURSE}/first-steps").text
