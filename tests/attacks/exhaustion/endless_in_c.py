"""A loop in C that no signal handler of Python's interrupts."""

SHOWS = "dies"
CELLS = {"primes": "import collections, itertools\ncollections.deque(itertools.count(), maxlen=0)"}
LIMITS = {"wall": 4.0, "cell": 1.5}
