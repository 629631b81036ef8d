"""Threads without end."""

SHOWS = "tried"
CELLS = {
    "primes": """import threading, time
print("TRIED")
for _ in range(2000):
    try:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    except RuntimeError:
        break"""
}
LIMITS = {"processes": 60, "wall": 8.0, "cell": 3.0}
