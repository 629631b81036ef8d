"""Regrading as staff see it: by form and by API, in both languages, live, in a real browser; nobody else sees it."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest
from portal_site import COURSE, Site, hand_in
from regrade_rows import marked, regrade_rows
from sqlalchemy import delete, select

from grader.assignments import find_assignment
from grader.models import Attempt, Marking, MarkingState, Release
from grader.storage import Storage

NAME = "first-steps"
PAGE = f"/teach/{COURSE}/assignments/first-steps"
API = f"/api/offerings/{COURSE}/assignments/first-steps/regrades"


@pytest.mark.parametrize("who", ["haneul.lee", "other.teacher", "sera.oh"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{PAGE}/regrade"),
        ("POST", f"{PAGE}/regrade"),
        ("GET", f"{PAGE}/regrades/1"),
        ("POST", f"{PAGE}/regrades/1/apply"),
        ("POST", f"{PAGE}/regrades/1/drop"),
        ("GET", f"{PAGE}/attempts/1"),
        ("GET", API),
        ("POST", API),
        ("GET", f"{API}/1"),
        ("GET", f"{API}/1/progress"),
        ("POST", f"{API}/1/apply"),
        ("POST", f"{API}/1/drop"),
    ],
)
def test_only_the_offerings_staff_get_near_a_regrade(busy_site: Site, who: str, method: str, path: str) -> None:
    with busy_site.client(who) as client:
        assert client.request(method, path).status_code in (403, 404)


def test_the_page_tells_totals_tests_and_students(site: Site) -> None:
    regrade_rows(site, marked(site))
    with site.client("yuna.kim") as client:
        page = client.get(f"{PAGE}/regrade").text
        assert "확인할 수 있음" in page
        assert page.index("정지호") < page.index("이하늘") < page.index("김민서")
        by_name = client.get(f"{PAGE}/regrade?sort=name").text
        assert by_name.index("김민서") < by_name.index("이하늘") < by_name.index("정지호")
        changed = client.get(f"{PAGE}/regrade?only=changed").text
        assert "이하늘" in changed
        assert "김민서" not in changed
    with site.client("jun.park", locale="en") as client:
        assert "Only those whose mark changes" in client.get(f"{PAGE}/regrade").text


def test_the_api_gives_the_same_as_json(site: Site) -> None:
    number = regrade_rows(site, marked(site))
    with site.program("yuna.kim") as client:
        found = client.get(f"{API}/{number}").json()
    assert (found["regrade"]["state"], found["up"], found["down"], found["unchanged"]) == ("ready", 1, 1, 1)
    assert found["mean_change"] == pytest.approx(-1 / 3)
    changes = {row["username"]: (row["old"], row["new"], row["change"]) for row in found["students"]}
    assert changes == {"haneul.lee": (6, 8, 2), "minseo.kim": (10, 10, 0), "jiho.jung": (8, 5, -3)}
    assert {row["name"]: (row["up"], row["down"]) for row in found["tests"]} == {
        "median-test": (1, 1),
        "mean-test": (0, 0),
    }


def test_a_regrade_under_way_does_not_show_in_the_marking_of_the_assignment(site: Site) -> None:
    regrade_rows(site, marked(site), state=MarkingState.QUEUED)
    with site.program("yuna.kim") as client:
        (row,) = [
            row for row in client.get(f"/api/offerings/{COURSE}/assignments").json() if row["name"] == "first-steps"
        ]
        assert row["progress"]["queued"] == 0
        assert row["progress"]["done"] == 3


def test_a_second_one_is_refused_in_words_and_dropping_makes_room(site: Site) -> None:
    number = regrade_rows(site, marked(site))
    with site.client("yuna.kim") as client:
        refused = client.post(f"{PAGE}/regrade")
        assert refused.status_code == 409
        assert "재채점이 아직 열려 있습니다" in refused.text
        dropped = client.post(f"{PAGE}/regrades/{number}/drop")
        assert dropped.status_code == 303
        assert "재채점을 취소했습니다" in client.get(f"{PAGE}/regrade?done=regrade-dropped").text
        assert client.post(f"{API}/{number}/drop").status_code == 409


def test_progress_is_told_as_it_comes(site: Site) -> None:
    number = regrade_rows(site, marked(site), state=MarkingState.QUEUED)
    with site.client("yuna.kim") as client, client.stream("GET", f"{API}/{number}/progress") as stream:
        told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        assert next(told)["queued"] == 3
        with site.campus.database.write() as session:
            one = session.scalars(select(Marking).where(Marking.regrade_id == number)).first()
            assert one is not None
            one.state = MarkingState.DONE
        assert {key: value for key, value in next(told).items() if value} == {
            "queued": 2,
            "done": 1,
            "finished": 1,
            "total": 3,
        }


def test_an_attempts_page_names_the_tests_of_each_marking(site: Site) -> None:
    attempts = marked(site)
    with site.campus.database.write() as session:
        for marking in session.scalars(select(Marking)):
            marking.started_at = marking.queued_at
    number = regrade_rows(site, attempts)
    with site.client("yuna.kim") as client:
        page = client.get(f"{PAGE}/attempts/{attempts['jiho.jung']}").text
        assert "1차 배포" in page
        assert f"재채점 {number}" in page
        assert "적용 안 함" in page
        assert client.get(f"{PAGE}/attempts/999999").status_code == 404


@pytest.mark.namespaces
def test_start_look_and_apply_through_the_api(site: Site) -> None:
    """The whole way on a real course: release, hand in, mark, other tests, regrade, apply."""
    from answers import solve, source_notebook
    from portal_site import bundle

    from grader.sandbox.detect import best_sandbox
    from grader.worker import run_worker

    here = site.campus
    folder = site.settings.offerings / COURSE
    with here.database.write() as session:  # the site's releases hold no notebook that can be read
        session.execute(delete(Release).where(Release.assignment_id == find_assignment(session, COURSE, NAME).id))
    sandbox = best_sandbox(insist=True)
    with site.program("yuna.kim") as client, closing(sandbox):
        assert client.post(f"/api/offerings/{COURSE}/assignments/first-steps/release", timeout=120).status_code == 201
        released = json.loads((folder / "release" / "first-steps" / "first-steps.ipynb").read_text(encoding="utf-8"))
        source = source_notebook("job-conversion", "python-data", "first-steps")
        attempt = hand_in(here, COURSE, "first-steps", "haneul.lee", state=MarkingState.QUEUED)
        work = json.dumps(solve(released, source, "partly"))
        with here.database.write() as session:
            session.get_one(Attempt, attempt).sha256 = Storage(site.settings.storage).put_bytes(
                bundle({"first-steps.ipynb": work})
            )
        mark_all(site, run_worker, sandbox)
        changed = json.loads((folder / "source" / "first-steps" / "first-steps.ipynb").read_text(encoding="utf-8"))
        for cell in changed["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade") and cell["cell_type"] == "code":
                cell["source"] = "pass"
        (folder / "source" / "first-steps" / "first-steps.ipynb").write_text(json.dumps(changed), encoding="utf-8")
        started = client.post(API, timeout=120)
        assert started.status_code == 201, started.text
        number = started.json()["id"]
        assert client.post(f"{API}/{number}/apply").status_code == 409
        mark_all(site, run_worker, sandbox)
        found = client.get(f"{API}/{number}").json()
        (student,) = found["students"]
        assert student["new"] > student["old"]
        applied = client.post(f"{API}/{number}/apply", timeout=60)
        assert applied.json() == {"attempts": 1, "queued": 0}
        marks = client.get(f"/api/offerings/{COURSE}/marks").json()
        (mark,) = [mark for mark in marks if mark["username"] == "haneul.lee"]
        assert mark["score"] == student["new"]


def mark_all(site: Site, run_worker: Any, sandbox: Any) -> None:
    import threading

    here = site.campus
    run_worker(here.database, here.storage, site.settings.offerings, once=True, stop=threading.Event(), sandbox=sandbox)
