"""The answer cell claims to be an automatically graded test of fifty points."""

from small_course import cell_of

AIMS = ("primes",)


def tamper(nb):
    cell_of(nb, "primes")["metadata"]["nbgrader"] |= {"grade": True, "solution": False, "locked": True, "points": 50}
    return nb
