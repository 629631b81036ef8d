"""Files, shared memory, semaphores, queues, abstract sockets and variables are left for the next student."""

SHOWS = "tried"
CELLS = {
    "primes": """import ctypes, os, socket, subprocess
print("TRIED")
for folder in ("/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), ".", "/run", "/dev/mqueue"):
    try:
        open(os.path.join(folder, "left-behind"), "w").close()
    except OSError:
        pass
libc = ctypes.CDLL(None)
libc.shmget(0x4711, 4096, 0o1666)
libc.semget(0x4711, 1, 0o1666)
libc.msgget(0x4711, 0o1666)
open_socket = socket.socket(socket.AF_UNIX)
open_socket.bind("\\0left-behind")
open_socket.listen()
os.environ["LEFT_BEHIND"] = "1"
subprocess.Popen(["sleep", "60"], start_new_session=True)"""
}
