"""Who sees and does what in the exchange: every route, seven kinds of callers. Nobody sees another's work."""

from __future__ import annotations

import hashlib

import pytest
from exchange_campus import COURSE, NOTEBOOK, TestCampus, tar_gz

from portal.api import exchange

OWN = "minji"
CALLERS = {
    "the student": OWN,
    "another student": "junho",
    "instructor": "seoyeon",
    "assistant": "dahye",
    "grading server": f"grading-{COURSE}",
    "student of another course": "haneul",
    "staff of another course": "taeyang",
    "grading server of another course": "grading-cc-2026-1-vision",
    "administrator": "boram",
    "nobody": None,
}
BUNDLE = tar_gz({"ps1.ipynb": NOTEBOOK})
PAGES = tar_gz({"ps1.html": "<p>feedback</p>"})

STUDENTS_OWN = (200, 404, 200, 200, 200, 404, 404, 404, 404, 401)
MEMBERS = (200, 200, 200, 200, 200, 404, 404, 404, 404, 401)
STAFF = (403, 403, 201, 201, 201, 404, 404, 404, 404, 401)
TABLE: dict[tuple[str, str], tuple[int, ...]] = {
    ("GET", "/courses"): (200, 200, 200, 200, 200, 200, 200, 200, 200, 401),
    ("GET", "/assignments"): (200, 200, 200, 200, 200, 200, 200, 200, 200, 401),
    ("GET", f"/assignments?course_id={COURSE}"): MEMBERS,
    ("GET", "/attempts"): (200, 200, 200, 200, 200, 200, 200, 200, 200, 401),
    ("GET", f"/attempts?course_id={COURSE}&everybody=true"): MEMBERS,
    ("GET", f"/{COURSE}/ps1/release"): MEMBERS,
    ("PUT", f"/{COURSE}/ps1/release"): STAFF,
    ("POST", f"/{COURSE}/ps1/attempts"): (201, 201, 403, 403, 403, 404, 404, 404, 404, 401),
    ("GET", f"/{COURSE}/ps1/attempts"): MEMBERS,
    ("GET", f"/{COURSE}/ps1/attempts/{{id}}/files"): STUDENTS_OWN,
    ("GET", f"/{COURSE}/ps1/feedback"): MEMBERS,
    ("GET", f"/{COURSE}/ps1/feedback/{{id}}"): STUDENTS_OWN,
    ("PUT", f"/{COURSE}/ps1/feedback/{OWN}"): STAFF,
    ("DELETE", f"/{COURSE}/ps1/release"): (403, 403, 200, 200, 200, 404, 404, 404, 404, 401),
}


@pytest.fixture(scope="module")
def shared(lasting_campus: TestCampus) -> TestCampus:
    """One campus for the whole table."""
    return lasting_campus


@pytest.fixture(scope="module")
def attempt_id(shared: TestCampus) -> int:
    """An attempt of minji's with released feedback."""
    shared.release()
    receipt = shared.hand_in(OWN)
    shared.give_back(receipt.id, "<p>feedback</p>")
    return receipt.id


@pytest.mark.parametrize("caller", CALLERS, ids=list(CALLERS))
@pytest.mark.parametrize("route", TABLE, ids=[" ".join(route) for route in TABLE])
def test_each_route_answers_each_caller_as_the_table_says(
    shared: TestCampus, attempt_id: int, route: tuple[str, str], caller: str
) -> None:
    shared.release()
    method, path = route[0], route[1].format(id=attempt_id)
    body = {"PUT": PAGES if "feedback" in path else BUNDLE, "POST": BUNDLE}.get(method)
    headers = {"X-Content-SHA256": hashlib.sha256(body).hexdigest()} if body else {}
    headers["Idempotency-Key"] = f"rights-of-{CALLERS[caller]}"
    answer = shared.ask(CALLERS[caller], method, path, content=body, headers=headers)
    expected = TABLE[route][list(CALLERS).index(caller)]
    if method == "POST" and expected == 201:
        assert answer.status_code in (200, 201), answer.text
    else:
        assert answer.status_code == expected, answer.text


def test_the_table_speaks_of_every_route() -> None:
    shapes = {
        (method, path.split("?")[0].replace(COURSE, "{course}").replace("ps1", "{assignment}"))
        for method, path in TABLE
    }
    shapes = {(method, path.replace("{id}", "{attempt_id}").replace(OWN, "{username}")) for method, path in shapes}
    routes = {
        (method, route.path.removeprefix("/api/exchange"))  # type: ignore[attr-defined]
        for route in exchange.router.routes
        for method in route.methods  # type: ignore[attr-defined]
    }
    assert shapes == routes


def test_outsiders_learn_nothing_from_the_sentence(shared: TestCampus, attempt_id: int) -> None:
    told = [
        shared.ask("haneul", "GET", f"/{course}/ps1/release").json()["error"].replace(course, "…")
        for course in (COURSE, "no-such-course")
    ]
    assert told[0] == told[1]


def test_lists_hold_only_what_is_the_callers(shared: TestCampus, attempt_id: int) -> None:
    shared.release()
    shared.hand_in("junho")

    def names(username: str, path: str) -> set[str]:
        return {attempt["username"] for attempt in shared.ask(username, "GET", path).json()["attempts"]}

    assert names(OWN, f"/{COURSE}/ps1/attempts") == {OWN}
    assert names(OWN, "/attempts") == {OWN}
    assert names(OWN, "/attempts?everybody=true") == {OWN}
    assert names("seoyeon", f"/{COURSE}/ps1/attempts") == {OWN, "junho"}
    assert names("seoyeon", "/attempts?everybody=true") == {OWN, "junho"}
    assert names("seoyeon", "/attempts") == set()
    assert names("taeyang", "/attempts?everybody=true") == set()
    assert names("boram", "/attempts?everybody=true") == set()


def test_feedback_is_seen_when_it_is_released_and_the_newest_released_counts(campus: TestCampus) -> None:
    campus.release()
    receipt = campus.hand_in(OWN)
    path = f"/{COURSE}/ps1/feedback/{receipt.id}"
    campus.give_back(receipt.id, "<p>held back</p>", released=False)
    assert campus.ask(OWN, "GET", path).status_code == 404
    assert campus.ask(OWN, "GET", f"/{COURSE}/ps1/feedback").json() == {"feedback": []}
    assert campus.ask("seoyeon", "GET", path).status_code == 200
    campus.give_back(receipt.id, "<p>first</p>")
    second = campus.give_back(receipt.id, "<p>second</p>")
    campus.give_back(receipt.id, "<p>held back again</p>", released=False)
    answer = campus.ask(OWN, "GET", path)
    assert hashlib.sha256(answer.content).hexdigest() == second == answer.headers["X-Content-SHA256"]
    listed = campus.ask(OWN, "GET", f"/{COURSE}/ps1/feedback").json()["feedback"]
    assert [(item["sha256"], item["score"], item["max_score"]) for item in listed] == [(second, 3, 5)]


def test_a_course_list_about_a_student_holds_only_courses_that_the_caller_teaches(campus: TestCampus) -> None:
    def courses(username: str, student: str) -> list[str]:
        answer = campus.ask(username, "GET", f"/courses?student={student}").json()
        return [course["course_id"] for course in answer["courses"]]

    assert courses("seoyeon", OWN) == [COURSE]
    assert courses("taeyang", OWN) == []
    assert courses("junho", OWN) == []
    assert courses(OWN, OWN) == [COURSE]
