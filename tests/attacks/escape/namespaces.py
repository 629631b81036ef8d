"""New namespaces, in which a user would be root again."""

SHOWS = "tried"
CELLS = {
    "primes": """import ctypes, os
print("TRIED")
libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x04000000, 0x08000000, 0x02000000):
    if libc.unshare(flag) == 0:
        print("BREACH: unshare", hex(flag))
for name in ("user", "mnt", "pid", "net"):
    try:
        if libc.setns(os.open(f"/proc/1/ns/{name}", os.O_RDONLY), 0) == 0:
            print("BREACH: setns", name)
    except OSError:
        pass"""
}
