"""Sockets of the host by path and by abstract name."""

SHOWS = "tried"
CELLS = {
    "primes": """import socket
print("TRIED")
for name in ("@SOCKET@", "\\0@ABSTRACT@", "/var/run/docker.sock", "/run/docker.sock", "/run/systemd/private"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        try:
            socket.socket(socket.AF_UNIX, kind).connect(name)
            print("BREACH", name)
        except OSError:
            pass"""
}
