"""No cell has nbgrader's metadata any more."""

from small_course import code

SHOWS = "tried"


def tamper(nb):
    for cell in nb["cells"]:
        cell["metadata"] = {}
    nb["cells"].append(code("print('TRIED')"))
    return nb
