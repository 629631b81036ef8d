"""The grade id of a test moves to a cell of the student's own."""

from small_course import cell_of, code

AIMS = ("primes",)


def tamper(nb):
    test = cell_of(nb, "primes_test")
    nb["cells"].append(code("pass", test["metadata"]))
    test["metadata"] = {}
    return nb
