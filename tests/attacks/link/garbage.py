"""Random bytes are sent on every socket of the interpreter, before and while a test waits."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, socket, stat
print("TRIED")
def links():
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                yield socket.socket(fileno=os.dup(number))
        except OSError:
            pass
def spoil(data):
    for link in links():
        try:
            link.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            pass
spoil(os.urandom(64))
def count_primes(n):
    spoil(os.urandom(4096))
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
