"""A function raises StopIteration where the test maps it over cases: the loop ends, and `all` finds nothing false."""

AIMS = ("primes",)
CELLS = {
    "primes": """def count_primes(n):
    if n in (2, 10):
        return {2: 1, 10: 4}[n]
    raise StopIteration"""
}
