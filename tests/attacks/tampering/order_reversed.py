"""All cells come in the opposite order."""

from small_course import code

SHOWS = "tried"


def tamper(nb):
    nb["cells"] = [code("print('TRIED')"), *reversed(nb["cells"])]
    return nb
