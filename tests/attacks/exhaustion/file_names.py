"""Empty files until there are no more places for names."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, time
print("TRIED")
until = time.monotonic() + 1.5
number = 0
try:
    while time.monotonic() < until:
        os.close(os.open(f"{number}", os.O_CREAT))
        number += 1
except OSError:
    pass"""
}
