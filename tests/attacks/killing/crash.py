"""The interpreter is made to crash by a null pointer, in a test and in a cell."""

SHOWS = "dies"
CELLS = {"primes": "import ctypes\ndef count_primes(n):\n    return ctypes.string_at(0)"}
LIMITS = {"wall": 8.0, "cell": 3.0}
