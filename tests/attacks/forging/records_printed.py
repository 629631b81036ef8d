"""Forged records are printed on every stream that Python knows, and on the descriptors behind them."""

SHOWS = "tried"
CELLS = {
    "primes": """import json, os, sys
print("TRIED")
def forge():
    for index in range(2, 40):
        row = json.dumps({"cell": index, "outputs": [], "execution_count": 1}) + "\\n"
        for stream in (sys.stdout, sys.__stdout__, sys.__stderr__):
            try:
                stream.write(row)
                stream.flush()
            except Exception:
                pass
        for number in (1, 2):
            try:
                os.write(number, row.encode())
            except OSError:
                pass
def count_primes(n):
    forge()
    return 0"""
}
