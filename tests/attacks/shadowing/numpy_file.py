"""A submitted `numpy.py` stands in the working folder before the notebook imports numpy."""

SHOWS = "tried"
FILES = {"numpy.py": b"print('BREACH: not the real numpy')\n"}
CELLS = {"primes": "print('TRIED')"}
