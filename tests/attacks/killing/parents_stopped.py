"""The processes above are stopped, neither dead nor alive."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, signal, time
print("TRIED", flush=True)
time.sleep(0.3)
for pid in (os.getppid(), 1, 2):
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGSTOP)
        except OSError:
            pass"""
}
LIMITS = {"wall": 4.0, "cell": 1.5}
