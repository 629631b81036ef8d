"""The environment of every process in sight is read for tokens."""

SHOWS = "tried"
CELLS = {
    "primes": """import glob, os
print("TRIED")
found = "".join(f"{key}={value}" for key, value in os.environ.items())
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        found += open(path, errors="replace").read()
    except OSError:
        pass
if "BITGOEUL" in found or "PYTEST" in found:
    print("BREACH")"""
}
