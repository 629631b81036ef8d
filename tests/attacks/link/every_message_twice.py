"""Every message is sent twice, so that each question finds the answer to the one before."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, socket
print("TRIED")
plain, plain_send, plain_write = socket.socket.sendall, socket.socket.send, os.write
def count_primes(n):
    socket.socket.sendall = lambda self, data, *flags: (plain(self, data), plain(self, data))[0]
    socket.socket.send = lambda self, data, *flags: (plain_send(self, data), plain_send(self, data))[0]
    os.write = lambda number, data: (plain_write(number, data), plain_write(number, data))[0]
    return 4 if n == 10 else 1"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
