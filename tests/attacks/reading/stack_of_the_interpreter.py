"""A function walks the stack up to the interpreter's own frames, which hold the cell's source."""

AIMS = ("primes",)
CELLS = {
    "primes": """import re, sys
def count_primes(n):
    frame = sys._getframe(1)
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if isinstance(value, str) and "count_primes" in value:
                found = re.search(rf"count_primes.{n}. == (\\d+)|\\b{n}: (\\d+)", value)
                if found:
                    return int(found[1] or found[2])
        frame = frame.f_back
    return 0"""
}
