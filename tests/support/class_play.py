"""A class from the roster to its marks, played by people on any campus that is reached over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from answers import How, solve, source_notebook
from campus_process import CampusAddress, Lab, Person
from waiting import wait_for

TRACK = "job-conversion"
COHORT = "play-2026"
PYTHON = f"{COHORT}-python-data"
LEARNING = f"{COHORT}-machine-learning"
ROSTER = """이름,아이디,이메일,역할
윤가람,garam,garam@example.kr,강사
"김, 나래",narae,narae@example.kr,학생
박다온,daon,daon@example.kr,학생
이라온,raon,raon@example.kr,학생
"""
SCRIPT = "<p>harmless words</p><script>document.title = 'stolen'</script><img src=x onerror=\"stolen()\">"
STUDENTS: dict[str, How] = {"narae": "fully", "daon": "partly", "raon": "wrongly"}


@dataclass
class Play:
    """What the class has come to, for the tests that look at it."""

    campus: CampusAddress
    administrator: Person
    instructor: Person
    students: dict[str, Person]
    labs: dict[str, Lab]
    handed_in: dict[str, dict[str, Any]]


def open_class(campus: CampusAddress) -> tuple[Person, dict[str, Any]]:
    """An administrator opens a cohort and imports its roster, as a Korean spreadsheet writes it."""
    administrator = campus.sign_in("admin")
    answer = administrator.api(
        "POST",
        "/cohorts",
        json={"id": COHORT, "track": TRACK, "title": "직무전환 시험 기수", "starts_on": "2099-03-02"},
    )
    assert answer.status_code == 201, answer.text
    file = ("명단.csv", ROSTER.replace("\n", "\r\n").encode("cp949"), "text/csv")
    preview = administrator.api("POST", f"/cohorts/{COHORT}/roster", files={"file": file})
    assert preview.status_code == 201, preview.text
    body: dict[str, Any] = preview.json()
    return administrator, body


def fetch_solve_submit(
    lab: Lab, course: str, assignment: str, source: dict[str, Any], how: How, more: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Press Fetch, solve the notebook, add the cells `more`, save it, press Submit; what was handed in."""
    pressed = lab.press("fetch", course, assignment)
    assert pressed["success"], pressed
    (path,) = notebooks_of(lab, course, assignment)
    solved = solve(lab.read_notebook(path), source, how)
    solved["cells"] += more or []
    lab.write_notebook(path, solved)
    submit(lab, course, assignment)
    return lab.read_notebook(path)


def notebooks_of(lab: Lab, course: str, assignment: str) -> list[str]:
    entry = next(
        row for row in lab.assignments(course) if row["assignment_id"] == assignment and row["status"] == "fetched"
    )
    return [notebook["path"] for notebook in entry["notebooks"]]


def submit(lab: Lab, course: str, assignment: str) -> None:
    pressed = lab.press("submit", course, assignment)
    assert pressed["success"], pressed


def marked(instructor: Person, course: str, assignment: str) -> list[dict[str, Any]] | None:
    """The submissions of an assignment once each that was handed in is marked."""
    answer = instructor.api("GET", f"/offerings/{course}/assignments/{assignment}/submissions")
    assert answer.status_code == 200, answer.text
    rows = [row for row in answer.json() if row["attempts"]]
    assert not any(row["state"] == "failed" for row in rows), rows
    return rows if rows and all(row["state"] == "done" for row in rows) else None


def play_class(campus: CampusAddress) -> Play:
    """The class up to the marks: roster, release, fetch, solve, submit (one twice), marked."""
    administrator, preview = open_class(campus)
    assert [entry["username"] for entry in preview["added"]] == ["garam", "narae", "daon", "raon"]
    assert preview["problems"] == []
    assert administrator.api("GET", f"/cohorts/{COHORT}/members").json() == []
    applied = administrator.api("POST", f"/roster-imports/{preview['id']}/apply", json={})
    assert applied.status_code == 200, applied.text

    def on_the_hub() -> bool:
        group = administrator.hub("GET", f"/groups/nbgrader-{PYTHON}")
        return group.status_code == 200 and set(group.json()["users"]) == set(STUDENTS)

    wait_for("the roster's reflection in the hub", on_the_hub, 30)
    instructor = campus.sign_in("garam")
    released = instructor.api("POST", f"/offerings/{PYTHON}/assignments/first-steps/release")
    assert released.status_code == 201, released.text

    source = source_notebook(TRACK, "python-data", "first-steps")
    students = {name: campus.sign_in(name) for name in STUDENTS}
    labs = {name: Lab(person).start() for name, person in students.items()}
    handed_in = {
        name: fetch_solve_submit(lab, PYTHON, "first-steps", source, STUDENTS[name]) for name, lab in labs.items()
    }
    submit(labs["daon"], PYTHON, "first-steps")
    rows = wait_for("the marking", lambda: marked(instructor, PYTHON, "first-steps"), 120)
    assert {row["username"]: row["attempts"] for row in rows} == {"narae": 1, "daon": 2, "raon": 1}
    return Play(campus, administrator, instructor, students, labs, handed_in)


def what_must_not_be_lost(play: Play) -> tuple[Any, Any]:
    """The class's marks, and a student's receipts."""
    return _kept(play.instructor, play.students["daon"])


def assert_nothing_was_lost(moved: CampusAddress, before: tuple[Any, Any]) -> None:
    """People find on another campus what they had, and the student's files in a lab."""
    student = moved.sign_in("daon")
    assert _kept(moved.sign_in("garam"), student) == before
    assert notebooks_of(Lab(student).start(), PYTHON, "first-steps")


def _kept(instructor: Person, student: Person) -> tuple[Any, Any]:
    marks = instructor.api("GET", f"/offerings/{PYTHON}/marks").json()
    return marks, student.api("GET", f"/me/offerings/{PYTHON}/assignments/first-steps").json()


def hidden_lines(source: dict[str, Any]) -> list[str]:
    """Lines of hidden tests that are long enough to be theirs alone."""
    found: list[str] = []
    for cell in source["cells"]:
        text = "".join(cell["source"])
        for block in text.split("### BEGIN HIDDEN TESTS")[1:]:
            inside = block.split("### END HIDDEN TESTS")[0]
            found += [line.strip() for line in inside.splitlines() if len(line.strip()) > 20]
    assert found
    return found


def grade_by_hand(play: Play) -> dict[str, Any]:
    """An answer that only a person can mark, from its release to its feedback: the mark.

    The student's own HTML does no harm on the instructor's page.
    """
    assignment = "energy-forecast"
    instructor, student, lab = play.instructor, play.students["narae"], play.labs["narae"]
    assert instructor.api("POST", f"/offerings/{LEARNING}/assignments/{assignment}/release").status_code == 201
    source = source_notebook(TRACK, "machine-learning", assignment)
    fetch_solve_submit(lab, LEARNING, assignment, source, "fully", [cell_that_shows(SCRIPT)])
    (row,) = wait_for("the marking", lambda: marked(instructor, LEARNING, assignment), 120)
    assert row["needs_manual"]
    before = row["score"]
    assert student.api("GET", f"/exchange/{LEARNING}/{assignment}/feedback").json()["feedback"] == []

    opened = instructor.api("POST", f"/offerings/{LEARNING}/grading-server")
    assert opened.status_code == 200, opened.text
    server = Lab(instructor, owner=f"grading-{LEARNING}")
    submissions = wait_for("formgrader", lambda: formgrader(server, "GET", f"submissions/{assignment}"), 60)
    assert [entry["student"] for entry in submissions if entry["autograded"]] == ["narae"]
    (notebook,) = formgrader(server, "GET", f"submitted_notebooks/{assignment}/{assignment}")
    page = server.call("GET", f"/formgrader/submissions/{notebook['id']}/").text
    assert "harmless words" in page
    assert "<script>document.title" not in page
    assert "<img src=x onerror" not in page
    grades = formgrader(server, "GET", f"grades?submission_id={notebook['id']}")
    by_hand = [grade for grade in grades if grade["auto_score"] is None]
    assert by_hand
    for grade in by_hand:
        answer = formgrader(server, "PUT", f"grade/{grade['id']}", {"manual_score": 3, "extra_credit": 0})
        assert answer["manual_score"] == 3
    overview = instructor.api("GET", f"/offerings/{LEARNING}/assignments").json()
    assert [row["needs_manual"] for row in overview if row["name"] == assignment] == [0]
    released = instructor.api("POST", f"/offerings/{LEARNING}/assignments/{assignment}/feedback/release")
    assert released.status_code == 200, released.text

    def final() -> Any:
        rows = instructor.api("GET", f"/offerings/{LEARNING}/marks").json()
        (mark,) = [row for row in rows if row["assignment"] == assignment and row["username"] == "narae"]
        shown = student.api("GET", f"/me/offerings/{LEARNING}/assignments/{assignment}").json()["attempts"][0]
        settled = shown["has_feedback"] and shown["score"] == mark["score"] and not mark["needs_manual"]
        return mark if settled else None

    mark = wait_for("the final mark on the student's page", final, 60)
    assert mark["score"] == before + 3 * len(by_hand)
    return mark


def cell_that_shows(html: str) -> dict[str, Any]:
    """A student's own code cell that displays `html`."""
    source = f"from IPython.display import HTML, display\ndisplay(HTML({html!r}))"
    return {
        "cell_type": "code",
        "id": "shown",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def formgrader(server: Lab, method: str, path: str, body: Any = None) -> Any:
    answer = (
        server.call(method, f"/formgrader/api/{path}", json=body)
        if body
        else server.call(method, f"/formgrader/api/{path}")
    )
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
    return answer.json()
