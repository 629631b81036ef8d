"""The processes above, which run under the same user, get limits of zero: no files, no time, no memory."""

SHOWS = "dies"
CELLS = {
    "primes": """import os, resource
for pid in {1, os.getppid()} - {0, os.getpid()}:
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
        try:
            resource.prlimit(pid, limit, (0, 0))
        except OSError:
            pass"""
}
LIMITS = {"wall": 8.0, "cell": 3.0}
