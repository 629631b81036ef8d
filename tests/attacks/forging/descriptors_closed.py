"""Every descriptor is closed while a test waits, so that nobody can report the failure."""

SHOWS = "tried"
CELLS = {"primes": "import os\nprint('TRIED')\ndef count_primes(n):\n    os.closerange(3, 1024)\n    return 0"}
LIMITS = {"wall": 8.0, "cell": 2.0}
