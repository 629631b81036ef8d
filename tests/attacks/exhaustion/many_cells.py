"""A notebook of thousands of cells."""

SHOWS = "tried"


def tamper(nb):
    cells = [{"cell_type": "markdown", "metadata": {}, "source": "x"} for _ in range(5100)]
    first = {"cell_type": "code", "metadata": {}, "source": "print('TRIED')", "outputs": [], "execution_count": None}
    return nb | {"cells": [first, *nb["cells"], *cells[:3000]]}
