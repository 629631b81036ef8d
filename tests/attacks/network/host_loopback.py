"""A connection to a port of the host's loopback, where the portal listens."""

SHOWS = "tried"
CELLS = {
    "primes": """import socket
print("TRIED")
for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::ffff:127.0.0.1"):
    try:
        socket.create_connection((host, int("@PORT@")), 0.5)
        print("BREACH", host)
    except OSError:
        pass"""
}
