"""The network's configuration is read, and a device asked for, by netlink."""

SHOWS = "tried"
CELLS = {
    "primes": """import socket, struct
print("TRIED")
try:
    if [name for _, name in socket.if_nameindex() if name != "lo"]:
        print("BREACH", socket.if_nameindex())
except OSError:
    pass
try:
    route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    name = b"evil0\\0\\0\\0"
    body = struct.pack("BxHiII", 0, 0, 0, 1, 1) + struct.pack("HH", 4 + len(name), 3) + name
    body += struct.pack("HH", 4 + 12, 18) + struct.pack("HH", 4 + 6, 1) + b"dummy\\0\\0\\0"
    route.send(struct.pack("IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
    route.settimeout(1)
    if struct.unpack("i", route.recv(4096)[16:20])[0] == 0:
        print("BREACH: a device was made")
except OSError:
    pass"""
}
