"""A cell of many megabytes, and a list of a hundred thousand lines."""

SHOWS = "tried"


def tamper(nb):
    first = {"cell_type": "code", "metadata": {}, "source": "print('TRIED')", "outputs": [], "execution_count": None}
    wide = first | {"source": "x = '" + "y" * (6 << 20) + "'"}
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# a\n"] * 20_000}
    return nb | {"cells": [first, *nb["cells"], wide, text]}
