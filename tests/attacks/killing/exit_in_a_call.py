"""The interpreter ends in the middle of a test, without a word."""

SHOWS = "dies"
CELLS = {"primes": "import os\ndef count_primes(n):\n    os._exit(0)"}
LIMITS = {"wall": 8.0, "cell": 3.0}
