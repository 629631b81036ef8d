"""Rare system calls, which only widen the kernel's surface, are tried for being refused outright."""

SHOWS = "tried"
CELLS = {
    "primes": """import ctypes, errno
print("TRIED")
libc = ctypes.CDLL(None, use_errno=True)
REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSYS)
calls = {"bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "init_module": 175, "kexec_load": 246, "add_key": 248,
         "open_by_handle_at": 304, "io_uring_setup": 425, "swapon": 167, "reboot": 169, "settimeofday": 164}
for name, number in calls.items():
    ctypes.set_errno(0)
    if libc.syscall(number, 0, 0, 0, 0, 0) >= 0 or ctypes.get_errno() not in REFUSED:
        print("BREACH", name, errno.errorcode.get(ctypes.get_errno()))"""
}
