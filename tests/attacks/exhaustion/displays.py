"""Hundreds of thousands of small outputs, updates and cleared outputs."""

SHOWS = "tried"
CELLS = {
    "primes": """import time
from IPython.display import clear_output, display
handle = display("x", display_id=True)
until = time.monotonic() + 1
while time.monotonic() < until:
    display("y")
    handle.update("z" * 100)
    clear_output(wait=True)
print("TRIED")"""
}
LIMITS = {"wall": 8.0, "cell": 3.0}
