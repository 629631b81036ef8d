"""A function that never returns to the test that calls it."""

SHOWS = "dies"
CELLS = {"primes": "import time\ndef count_primes(n):\n    time.sleep(3600)"}
LIMITS = {"wall": 5.0, "cell": 1.5}
