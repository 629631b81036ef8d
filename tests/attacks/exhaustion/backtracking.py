"""A regular expression that backtracks for years."""

SHOWS = "dies"
CELLS = {"primes": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')"}
LIMITS = {"wall": 4.0, "cell": 1.5}
