"""A loop without end that swallows the interrupt."""

SHOWS = "dies"
CELLS = {
    "primes": "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
}
LIMITS = {"wall": 4.0, "cell": 1.5}
