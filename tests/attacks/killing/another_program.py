"""The interpreter is replaced by another program that inherits its descriptors."""

SHOWS = "dies"
CELLS = {
    "primes": r"""import os, sys
forge = '''import os
for number in range(3, 64):
    try:
        os.write(number, b'\\0\\0\\0\\2{}')
    except OSError:
        pass'''
def count_primes(n):
    for number in range(3, 64):
        try:
            os.set_inheritable(number, True)
        except OSError:
            pass
    os.execv(sys.executable, [sys.executable, "-c", forge])"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
