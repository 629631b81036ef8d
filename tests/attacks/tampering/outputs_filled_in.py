"""Outputs that show full points are handed in, with a tag that keeps the cell from running."""

from small_course import cell_of

AIMS = ("partial",)


def tamper(nb):
    cell = cell_of(nb, "partial_test")
    shown = {"output_type": "execute_result", "execution_count": 9, "metadata": {}, "data": {"text/plain": "2.0"}}
    cell |= {"outputs": [shown], "execution_count": 9}
    cell["metadata"]["tags"] = ["skip-execution"]
    return nb
