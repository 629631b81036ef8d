"""Grade ids are lists, numbers, null, or megabytes of text; flags are strings."""

from small_course import code, nbgrader

SHOWS = "tried"


def tamper(nb):
    for value in ([], {}, 7, None, True, "x" * 1_000_000, "\x00", "<b>"):
        meta = nbgrader("x", grade=True, locked=True, points=1)
        meta["nbgrader"] |= {"grade_id": value, "grade": "yes", "points": [1], "schema_version": "9", "task": 3}
        nb["cells"].append(code("print('TRIED')", meta))
    nb["cells"].append(code("1", {"nbgrader": "no dictionary"}))
    return nb
