"""Recursion in Python and in C, with the limit taken away."""

SHOWS = "dies"
CELLS = {
    "primes": """import sys
sys.setrecursionlimit(10**9)
def deeper(value):
    return deeper([value])
nested = []
for _ in range(10**6):
    nested = [nested]
repr(nested)
deeper(1)"""
}
LIMITS = {"wall": 8.0, "cell": 4.0}
