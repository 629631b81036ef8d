"""Sources are numbers and lists of numbers, cells are null, outputs are texts, metadata a list."""

from small_course import cell_of, code

SHOWS = "tried"


def tamper(nb):
    cell_of(nb, "primes_test")["source"] = [1, None]
    cell_of(nb, "lists_test")["source"] = 5
    cell_of(nb, "dicts_test")["outputs"] = "x"
    cell_of(nb, "strings")["metadata"] = []
    nb["cells"] += [None, 7, {}, [], code("print('TRIED')")]
    nb["metadata"] = "x"
    return nb
