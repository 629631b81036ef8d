"""An object that is iterated without end."""

SHOWS = "tried"
CELLS = {
    "lists": """import itertools
print("TRIED")
class Endless:
    __iter__ = lambda self: itertools.repeat(2)
    __eq__ = lambda self, other: [2, 4] == other
def evens(values):
    return Endless()"""
}
LIMITS = {"wall": 8.0, "cell": 2.0, "memory": 300 * 2**20}
