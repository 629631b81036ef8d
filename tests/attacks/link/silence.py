"""The interpreter reads calls and never answers one."""

SHOWS = "tried"
CELLS = {
    "primes": """import socket
print("TRIED")
def count_primes(n):
    socket.socket.send = lambda self, data, *flags: len(data)
    socket.socket.sendall = socket.socket.sendmsg = lambda self, *args: None
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
