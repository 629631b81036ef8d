"""Open descriptors are passed along the link, to fill the other side's table."""

SHOWS = "tried"
CELLS = {
    "primes": """import array, os, socket, stat
print("TRIED")
def count_primes(n):
    null = os.open("/dev/null", os.O_RDWR)
    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                link = socket.socket(fileno=os.dup(number))
                passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 100))]
                for _ in range(20):
                    link.sendmsg([b"\\0"], passed, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            pass
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
