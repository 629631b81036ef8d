"""Mounting, remounting writable, changing the root."""

SHOWS = "tried"
CELLS = {
    "primes": """import ctypes, os
print("TRIED")
libc = ctypes.CDLL(None, use_errno=True)
os.makedirs("here", exist_ok=True)
tries = {
    "tmpfs": lambda: libc.mount(b"none", b"here", b"tmpfs", 0, None),
    "proc": lambda: libc.mount(b"proc", b"here", b"proc", 0, None),
    "remount": lambda: libc.mount(b"none", b"/", None, 32, None),
    "bind": lambda: libc.mount(b"/", b"here", None, 4096, None),
    "umount": lambda: libc.umount2(b"/proc", 2),
    "chroot": lambda: libc.chroot(b"here"),
    "pivot": lambda: libc.syscall(155, b".", b"here"),
}
for name, attempt in tries.items():
    if attempt() == 0:
        print("BREACH", name)"""
}
