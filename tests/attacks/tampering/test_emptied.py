"""The test cell is emptied."""

from small_course import cell_of

AIMS = ("primes",)


def tamper(nb):
    cell_of(nb, "primes_test")["source"] = "pass"
    return nb
