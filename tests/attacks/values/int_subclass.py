"""A genuine int by isinstance, equal to every number."""

AIMS = ("primes",)
CELLS = {
    "primes": """class Number(int):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
    __hash__ = int.__hash__
def count_primes(n):
    return Number(0)"""
}
