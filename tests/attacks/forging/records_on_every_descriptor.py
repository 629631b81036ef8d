"""Forged records of passed tests are written to every open descriptor, while a test waits for an answer."""

SHOWS = "tried"
CELLS = {
    "primes": """import json, os, struct
print("TRIED")
def forge():
    for index in range(2, 40):
        record = {"cell": index, "outputs": [], "execution_count": index, "timing": {}, "updates": {}, "evidence": {}}
        data = json.dumps(record).encode()
        for number in range(3, 64):
            for form in (data + b"\\n", struct.pack(">I", len(data)) + data):
                try:
                    os.set_blocking(number, False)
                    os.write(number, form)
                except OSError:
                    break
forge()
def count_primes(n):
    forge()
    return 0"""
}
