"""The link is shut down in the middle of an answer."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, socket, stat
print("TRIED")
def count_primes(n):
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                link = socket.socket(fileno=os.dup(number))
                link.send(b"\\0\\0\\1", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                link.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
