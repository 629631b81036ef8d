"""Many processes take memory, each below its own limit."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, time
print("TRIED")
for _ in range(8):
    if os.fork() == 0:
        held = b"x" * (120 << 20)
        time.sleep(30)
        os._exit(0)
time.sleep(2)"""
}
LIMITS = {"memory": 400 * 2**20, "wall": 10.0, "cell": 4.0}
