"""A daemon, forked twice and detached, waits for the marking to end and for the next student."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, time
print("TRIED")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(256):
            try:
                os.close(number)
            except OSError:
                pass
        for _ in range(300):
            for folder in ("/tmp", "/dev/shm", os.path.expanduser("~"), "."):
                try:
                    open(os.path.join(folder, "left-behind"), "w").close()
                except OSError:
                    pass
            time.sleep(0.1)
    os._exit(0)"""
}
