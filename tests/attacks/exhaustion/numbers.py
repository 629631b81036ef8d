"""Numbers of a hundred million digits, and powers that take hours."""

SHOWS = "dies"
CELLS = {"primes": "import sys\nsys.set_int_max_str_digits(0)\nlen(str(7 ** (10 ** 8)))"}
LIMITS = {"wall": 4.0, "cell": 1.5}
