"""The interpreter stops itself while a test waits for it."""

SHOWS = "dies"
CELLS = {"primes": "import os, signal\ndef count_primes(n):\n    os.kill(os.getpid(), signal.SIGSTOP)"}
LIMITS = {"wall": 4.0, "cell": 1.5}
