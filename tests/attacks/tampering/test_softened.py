"""The test cell is wrapped in a `try` that catches everything."""

from small_course import cell_of

AIMS = ("primes", "strings")


def tamper(nb):
    for name in AIMS:
        cell = cell_of(nb, f"{name}_test")
        cell["source"] = "try:\n    " + cell["source"].replace("\n", "\n    ") + "\nexcept Exception:\n    pass"
    return nb
