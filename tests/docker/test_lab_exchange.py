"""An assignment from release to feedback, from within a container, over the real portal and a real worker."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import nbformat
import pytest
from answers import solve, source_notebook
from container_campus import ContainerCampus
from container_lab import Lab
from engines import IMAGE as MARKING
from waiting import wait_for

from cohorts.models import Role
from courses.catalogue import load_catalogue
from grader.assignments import find_assignment
from grader.storage import Storage
from portal.campus import open_cohort
from portal.demo import SeedHouse
from portal.settings import PortalSettings

pytestmark = [pytest.mark.labs, pytest.mark.timeout(600)]

COHORT = "jc-2026-9"
LEARNERS = ("seoyeon", "dohyun")


@pytest.fixture(scope="module")
def course(campus: ContainerCampus) -> str:
    """An offering with people, of which one assignment is released."""
    settings = PortalSettings.from_environment(campus.environment)
    catalogue = load_catalogue(settings.courses)
    house = SeedHouse(settings, campus.books.database, Storage(settings.storage), catalogue)
    now = datetime.now(UTC)
    today = now.astimezone(ZoneInfo(settings.timezone)).date()
    monday = today - timedelta(days=today.weekday())
    open_cohort(house, cohort_id=COHORT, track="job-conversion", starts_on=monday, title="직무전환", now=now)
    campus.enrol("prof-lee", cohort=COHORT, role=Role.INSTRUCTOR)
    campus.enrol(*LEARNERS, cohort=COHORT)
    mine = portal(campus, "prof-lee", "GET", "/me/offerings")
    assert mine.status_code == 200, mine.text
    found = next(str(one["id"]) for one in mine.json() if one["id"].endswith("python-data"))
    wait_for("the hub knows the course's people", lambda: knows_people(campus, found), 60)
    released = portal(campus, "prof-lee", "POST", f"/offerings/{found}/assignments/first-steps/release")
    assert released.status_code == 201, released.text
    return found


def knows_people(campus: ContainerCampus, course: str) -> bool:
    """Whether the portal has told the hub who teaches and who learns."""
    groups = {f"formgrade-{course}": {"prof-lee"}, f"nbgrader-{course}": set(LEARNERS)}
    told = {name: campus.api("GET", f"/groups/{name}") for name in groups}
    return all(answer.is_success and groups[name] <= set(answer.json()["users"]) for name, answer in told.items())


def portal(campus: ContainerCampus, name: str, method: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"token {campus.token_of(name)}"}
    return httpx.request(method, f"{campus.url}/services/portal/api{path}", headers=headers, timeout=120)


def press(lab: Any, button: str, course: str) -> dict[str, Any]:
    answer = lab.call("POST", f"/assignments/{button}", data={"course_id": course, "assignment_id": "first-steps"})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_a_learner_fetches_works_and_submits_from_within_a_container(campus: ContainerCampus, course: str) -> None:
    lab = campus.start_lab("seoyeon")
    fetched = press(lab, "fetch", course)
    assert fetched["success"], fetched
    assert lab.run("ls", f"/home/learner/{course}")[1].split() == ["first-steps"]
    submitted = press(lab, "submit", course)
    assert submitted["success"], submitted
    rows = portal(campus, "prof-lee", "GET", f"/offerings/{course}/assignments/first-steps/submissions")
    assert rows.status_code == 200, rows.text
    [row] = [row for row in rows.json() if row["username"] == "seoyeon"]
    assert row["attempts"] == 1, row
    campus.stop_lab("seoyeon")


@pytest.mark.docker
def test_work_handed_in_from_a_container_is_marked_in_a_container_and_its_feedback_comes_back(
    campus: ContainerCampus, course: str
) -> None:
    mark_in_containers(campus, course)
    lab = campus.start_lab("dohyun")
    fetched = press(lab, "fetch", course)
    assert fetched["success"], fetched
    [name] = [name for name in lab.run("ls", f"{course}/first-steps")[1].split() if name.endswith(".ipynb")]
    path = f"/api/contents/{course}/first-steps/{name}"
    notebook = lab.call("GET", path, params={"type": "notebook"}).json()["content"]
    solved = solve(notebook, source_notebook("job-conversion", "python-data", "first-steps"), "fully")
    solved["cells"].append(nbformat.v4.new_code_cell("import sys\nprint('prefix', sys.prefix)"))
    assert lab.call("PUT", path, json={"type": "notebook", "content": solved}).status_code == 200
    submitted = press(lab, "submit", course)
    assert submitted["success"], submitted

    run_worker(campus)
    rows = portal(campus, "prof-lee", "GET", f"/offerings/{course}/assignments/first-steps/submissions").json()
    [row] = [row for row in rows if row["username"] == "dohyun"]
    assert (row["state"], row["score"]) == ("done", row["max_score"]), row

    returned = press(lab, "fetch_feedback", course)
    assert returned["success"], returned
    status, page = lab.run("find", f"{course}/first-steps/feedback", "-name", "*.html", "-exec", "cat", "{}", "+")
    assert status == 0, page
    assert "prefix /" in page
    assert sys.prefix not in page
    campus.stop_lab("dohyun")


def mark_in_containers(campus: ContainerCampus, course: str) -> None:
    """Let the assignment name an image, as its course.yaml may."""
    with campus.books.database.write() as session:
        find_assignment(session, course, "first-steps").image = MARKING


def run_worker(campus: ContainerCampus) -> None:
    """Have a worker mark all that waits; containers of its jobs are on the engine that the tests' environment names."""
    environment = {name: value for name, value in campus.environment.items() if name != "DOCKER_HOST"}
    environment |= {name: value for name, value in os.environ.items() if name == "DOCKER_HOST"}
    done = subprocess.run(
        [sys.executable, "-m", "portal.cli", "worker", "--data", str(campus.data), "--once"],
        env=environment | {"BITGOEUL_WORKER_IMAGE": MARKING},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


def test_a_grading_server_works_in_its_own_offering_s_folder(campus: ContainerCampus, course: str) -> None:
    asked = portal(campus, "prof-lee", "POST", f"/offerings/{course}/grading-server")
    assert asked.status_code in (200, 201, 202), asked.text
    grader = f"grading-{course}"
    wait_for("the grading server", lambda: campus.api("GET", f"/users/{grader}").json()["servers"][""]["ready"], 120)
    with closing(campus.browser("prof-lee")) as browser:
        page = browser.get(f"/user/{grader}/formgrader", follow_redirects=True)
        assert page.status_code == 200, page.text
        listed = browser.get(f"/user/{grader}/formgrader/api/assignments")
    assert "first-steps" in [one["name"] for one in listed.json()]
    lab = Lab(campus, grader)
    mounts = {mount["Destination"]: mount["RW"] for mount in lab.container["Mounts"]}
    assert mounts[f"/srv/offerings/{course}"] is True
    assert lab.run("ls", "/srv/offerings")[1].split() == [course]
    assert lab.run("sh", "-c", "touch gradebook.db && echo written")[1] == "written\n"
    campus.api("DELETE", f"/users/{grader}/server")
