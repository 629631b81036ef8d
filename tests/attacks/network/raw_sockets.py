"""Raw and packet sockets, which would see what passes, and sockets to the machine below."""

SHOWS = "tried"
CELLS = {
    "primes": """import socket
print("TRIED")
for family, kind, protocol in ((17, 3, 0x0300), (2, 3, 1), (2, 3, 255), (10, 3, 58), (40, 1, 0)):
    try:
        socket.socket(family, kind, protocol)
        print("BREACH", family)
    except OSError:
        pass"""
}
