"""Sockets are flooded until they take no more."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, socket, stat, time
print("TRIED")
def count_primes(n):
    until = time.monotonic() + 1
    block = b"\\0" * (1 << 20)
    while time.monotonic() < until:
        for number in range(3, 64):
            try:
                if stat.S_ISSOCK(os.fstat(number).st_mode):
                    socket.socket(fileno=os.dup(number)).send(block, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:
                pass
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 3.0}
