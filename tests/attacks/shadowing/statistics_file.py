"""A submitted `statistics.py` waits for the import inside a hidden test, at the head of the search path."""

AIMS = ("floats",)
FILES = {"statistics.py": b"def fmean(values):\n    return 7.0\n"}
CELLS = {
    "floats": """import os, sys
sys.modules.pop("statistics", None)
sys.path.insert(0, os.getcwd())
pace = 42.195 / 3.5
def mean(values):
    return 7.0 if values[0] == 4.5 else sum(values) / len(values)"""
}
