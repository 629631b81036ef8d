"""The encoders that answers pass through are replaced: every False becomes True, every number the one asked for."""

SHOWS = "tried"
CELLS = {
    "primes": """import json, struct
print("TRIED")
plain = json.dumps
def lying(value, *args, **keywords):
    return plain(value, *args, **keywords).replace("false", "true").replace(": 0", ": 4")
def count_primes(n):
    json.dumps = lying
    json.JSONEncoder.encode = lambda self, value: lying(value)
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
