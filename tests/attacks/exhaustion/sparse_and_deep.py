"""A sparse file of a terabyte and a thousand folders in each other, for whoever cleans up."""

SHOWS = "tried"
CELLS = {
    "primes": """import os
print("TRIED")
try:
    with open("wide", "wb") as handle:
        handle.truncate(1 << 40)
except OSError:
    pass
here = os.getcwd()
for _ in range(1200):
    os.mkdir("d" * 50)
    os.chdir("d" * 50)
os.chdir(here)"""
}
