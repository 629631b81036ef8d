"""A signal of death to every process that can be signalled."""

SHOWS = "dies"
CELLS = {"primes": "import os, signal\nos.kill(-1, signal.SIGKILL)"}
LIMITS = {"wall": 8.0, "cell": 3.0}
