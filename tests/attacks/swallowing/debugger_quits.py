"""A function raises the debugger's own exception, which IPython does not show."""

SHOWS = "tried"
CELLS = {
    "primes": """import bdb
print("TRIED")
def count_primes(n):
    raise bdb.BdbQuit"""
}
