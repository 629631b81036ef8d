"""Processes that fork without end."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, time
print("TRIED")
until = time.monotonic() + 1
while time.monotonic() < until:
    try:
        os.fork()
    except OSError:
        time.sleep(0.05)"""
}
LIMITS = {"processes": 40, "wall": 8.0, "cell": 3.0}
