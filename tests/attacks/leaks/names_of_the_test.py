"""A later cell prints every name and value that tests left behind."""

SHOWS = "leak"
CELLS = {"primes": "def count_primes(n):\n    return {10: 4, 2: 1}.get(n, 0)"}
EXTRA = {"primes": "for name, value in list(globals().items()):\n    print(name, '=', repr(value)[:200])"}
