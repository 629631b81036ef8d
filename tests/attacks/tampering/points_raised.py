"""A test that was emptied is also worth three hundred points, and another not a number."""

from small_course import cell_of

AIMS = ("primes", "lists")


def tamper(nb):
    for name, points in (("primes", 300), ("lists", float("nan"))):
        cell = cell_of(nb, f"{name}_test")
        cell["source"] = ""
        cell["metadata"]["nbgrader"]["points"] = points
    return nb
