"""Signals to every process number, to process groups and sessions."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, signal
print("TRIED")
mine = os.getpid()
for pid in [*range(1, 400), int("@PID@"), -int("@PID@"), -1]:
    if pid != mine:
        try:
            os.kill(pid, signal.SIGTERM if pid > 0 else 0)
        except OSError:
            pass
try:
    os.killpg(1, signal.SIGKILL)
except OSError:
    pass"""
}
LIMITS = {"wall": 8.0, "cell": 3.0}
