"""Tests are deleted, so that nothing can fail."""

from small_course import cell_of, code

SHOWS = "tried"


def tamper(nb):
    for name in ("primes", "lists"):
        nb["cells"].remove(cell_of(nb, f"{name}_test"))
    nb["cells"].append(code("print('TRIED')"))
    return nb
