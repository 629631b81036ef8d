"""An assignment from release to hand-in, from within a container, over the real portal."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from container_campus import ContainerCampus, Lab
from waiting import wait_for

from cohorts.database import Database, migrate
from portal.demo import seed_demonstration
from portal.settings import PortalSettings

pytestmark = [pytest.mark.labs, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def course(campus: ContainerCampus) -> str:
    """An offering with people, of which one assignment is released."""
    settings = PortalSettings.from_environment(campus.environment)
    migrate(settings.database_url)
    database = Database(settings.database_url)
    try:
        seed_demonstration(database, settings, now=datetime.now(UTC))
    finally:
        database.close()
    campus.start_portal()
    mine = portal(campus, "prof-lee", "GET", "/me/offerings")
    assert mine.status_code == 200, mine.text
    found = next(str(one["id"]) for one in mine.json() if one["id"].endswith("python-data"))
    released = portal(campus, "prof-lee", "POST", f"/offerings/{found}/assignments/first-steps/release")
    assert released.status_code == 201, released.text
    return found


def portal(campus: ContainerCampus, name: str, method: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"token {campus.token_of(name)}"}
    return httpx.request(method, f"{campus.url}/services/portal/api{path}", headers=headers, timeout=120)


def press(lab: Any, button: str, course: str) -> dict[str, Any]:
    answer = lab.call("POST", f"/assignments/{button}", data={"course_id": course, "assignment_id": "first-steps"})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def test_a_learner_fetches_works_and_submits_from_within_a_container(campus: ContainerCampus, course: str) -> None:
    lab = campus.start_lab("minji")
    fetched = press(lab, "fetch", course)
    assert fetched["success"], fetched
    assert lab.run("ls", f"/home/learner/{course}")[1].split() == ["first-steps"]
    submitted = press(lab, "submit", course)
    assert submitted["success"], submitted
    rows = portal(campus, "prof-lee", "GET", f"/offerings/{course}/assignments/first-steps/submissions")
    assert rows.status_code == 200, rows.text
    [row] = [row for row in rows.json() if row["username"] == "minji"]
    assert row["attempts"] == 1, row
    campus.stop_lab("minji")


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
