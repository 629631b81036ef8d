"""Addresses outside and names: nothing is sent to anybody, a route alone would show."""

SHOWS = "tried"
CELLS = {
    "primes": """import socket
print("TRIED")
for address in ("192.0.2.1", "198.51.100.7"):
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        probe.connect((address, 9))
        print("BREACH: a route", probe.getsockname())
    except OSError:
        pass
try:
    print("BREACH", socket.getaddrinfo("campus.invalid", 80))
except OSError:
    pass"""
}
