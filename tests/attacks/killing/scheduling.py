"""Priorities, scheduling and limits are changed, to slow down whoever comes next."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, resource
print("TRIED")
for attempt in (lambda: os.nice(-20), lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)),
                lambda: os.setpriority(os.PRIO_USER, 0, -20),
                lambda: resource.setrlimit(resource.RLIMIT_NPROC, (-1, -1)),
                lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))):
    try:
        attempt()
        print("BREACH")
    except (OSError, ValueError):
        pass
try:
    os.setpriority(os.PRIO_PROCESS, 1, 19)
    os.sched_setaffinity(1, {0})
except OSError:
    pass"""
}
LIMITS = {"wall": 8.0, "cell": 3.0}
