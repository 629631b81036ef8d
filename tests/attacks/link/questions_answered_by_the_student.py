"""The student's code takes over the link, reads the judge's questions and sends each one back as its answer."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, socket, stat, threading, time
print("TRIED")
def count_primes(n):
    until = time.monotonic() + 1
    while time.monotonic() < until:
        for number in range(3, 64):
            try:
                if stat.S_ISSOCK(os.fstat(number).st_mode):
                    link = socket.socket(fileno=os.dup(number))
                    data = link.recv(65536, socket.MSG_DONTWAIT)
                    if b"kingfisher" in data or b"assert" in data:
                        print("BREACH: a test's source came over the link")
                    link.send(data.replace(b"false", b"true"), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:
                pass
        time.sleep(0.01)
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 3.0}
