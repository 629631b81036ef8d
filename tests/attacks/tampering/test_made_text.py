"""Tests become Markdown and raw cells, which a person would have to look at."""

from small_course import cell_of, code

SHOWS = "tried"


def tamper(nb):
    for name, kind in (("primes", "markdown"), ("lists", "raw")):
        cell = cell_of(nb, f"{name}_test")
        cell["cell_type"] = kind
        del cell["outputs"], cell["execution_count"]
    nb["cells"].append(code("print('TRIED')"))
    return nb
