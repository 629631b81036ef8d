"""Tests claim to be answers that a person grades."""

from small_course import cell_of, code

SHOWS = "tried"


def tamper(nb):
    cell_of(nb, "primes_test")["metadata"]["nbgrader"] |= {"solution": True, "locked": False, "task": True}
    nb["cells"].append(code("print('TRIED')"))
    return nb
