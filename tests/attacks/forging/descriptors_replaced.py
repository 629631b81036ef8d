"""Every descriptor is replaced by a pipe of the attacker's, who answers in the judge's place."""

SHOWS = "tried"
CELLS = {
    "primes": """import os, threading
print("TRIED")
def replace():
    reading, writing = os.pipe()
    os.write(writing, b"\\x00\\x00\\x00\\x02{}" * 100)
    for number in range(3, 128):
        if number not in (reading, writing):
            try:
                os.fstat(number)
                os.dup2(reading, number)
            except OSError:
                pass
def count_primes(n):
    replace()
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
