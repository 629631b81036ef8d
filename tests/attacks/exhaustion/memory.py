"""Memory is taken and touched until none is given any more."""

SHOWS = "dies"
CELLS = {"primes": "held = []\nwhile True:\n    held.append(b'x' * (16 << 20))"}
LIMITS = {"memory": 400 * 2**20, "wall": 10.0, "cell": 4.0}
