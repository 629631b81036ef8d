"""Printing without end."""

SHOWS = "tried"
CELLS = {"primes": "print('TRIED')\nwhile True:\n    print('x' * 10000)"}
LIMITS = {"wall": 6.0, "cell": 2.0, "output": 4 * 2**20}
