"""Open files, pipes and sockets until none is given any more."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, socket
print("TRIED")
held = []
try:
    while len(held) < 100_000:
        held += [open("/dev/null"), *os.pipe(), socket.socketpair()]
except OSError:
    pass
if len(held) > 50_000:
    print("BREACH")"""
}
