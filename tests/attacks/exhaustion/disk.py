"""The disk is filled, with one file and with many."""

SHOWS = "tried"
CELLS = {
    "primes": """import os
print("TRIED")
taken = 0
for number in range(100):
    try:
        with open(f"/tmp/fill{number}", "wb") as handle:
            for _ in range(16):
                taken += handle.write(b"x" * (1 << 20))
    except OSError:
        break
if taken > 200 << 20:
    print("BREACH", taken)"""
}
