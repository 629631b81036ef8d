"""Cells of the student's own claim grade ids and points that the assignment does not have."""

from small_course import code, nbgrader

SHOWS = "tried"


def tamper(nb):
    for name in ("bonus", "primes_test ", "primеs_test", "PRIMES_TEST", "../primes_test"):
        nb["cells"].append(code("print('TRIED')", nbgrader(name, grade=True, locked=True, points=50)))
    return nb
