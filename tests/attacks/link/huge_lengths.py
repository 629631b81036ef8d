"""Messages announce lengths of gigabytes, or of less than nothing."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, socket, stat, struct
print("TRIED")
def count_primes(n):
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                link = socket.socket(fileno=os.dup(number))
                for form in (">I", "<I", ">Q", "<Q"):
                    link.send(struct.pack(form, 0xFFFFFFFF), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                link.send(b"\\xff" * 64, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            pass
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
