"""The interpreter forks inside a call: two processes return to the judge and both go on."""

SHOWS = "tried"
CELLS = {
    "primes": """import os
print("TRIED")
def count_primes(n):
    return 4 if os.fork() == 0 else 0"""
}
LIMITS = {"wall": 10.0, "cell": 3.0}
