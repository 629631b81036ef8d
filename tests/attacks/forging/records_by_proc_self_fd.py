"""Forged records are written through fresh openings of `/proc/self/fd`, past any flags of the descriptor."""

SHOWS = "tried"
CELLS = {
    "primes": """import glob, json, os
print("TRIED")
def forge():
    for path in glob.glob("/proc/self/fd/*") + glob.glob("/proc/1/fd/*") + glob.glob(f"/proc/{os.getppid()}/fd/*"):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            for index in range(2, 40):
                os.write(handle, json.dumps({"cell": index, "outputs": [], "execution_count": 1}).encode() + b"\\n")
            os.write(handle, b'{"end": "finished"}\\n')
        except OSError:
            pass
        os.close(handle)
forge()
def count_primes(n):
    forge()
    return 0"""
}
