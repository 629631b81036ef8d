"""Tracing the processes above, and writing into their memory."""

SHOWS = "tried"
CELLS = {
    "primes": """import ctypes, os
print("TRIED")
libc = ctypes.CDLL(None, use_errno=True)
for pid in {1, os.getppid()} - {os.getpid()}:
    if libc.ptrace(16, pid, 0, 0) == 0 or libc.ptrace(0x4206, pid, 0, 0) == 0:
        print("BREACH: ptrace", pid)
    word = (ctypes.c_char * 8)()
    piece = (ctypes.c_size_t * 2)(ctypes.addressof(word), 8)
    there = (ctypes.c_size_t * 2)(0x400000, 8)
    if libc.process_vm_readv(pid, piece, 1, there, 1, 0) > 0:
        print("BREACH: process_vm_readv", pid)
    try:
        handle = os.pidfd_open(pid)
        for number in range(10):
            if libc.syscall(438, handle, number, 0) >= 0:
                print("BREACH: pidfd_getfd", pid)
    except OSError:
        pass"""
}
