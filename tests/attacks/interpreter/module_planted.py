"""A false module waits in `sys.modules` for the test's import."""

AIMS = ("floats",)
CELLS = {
    "floats": """import sys, types
sys.modules["statistics"] = types.SimpleNamespace(fmean=lambda values: 7.0)
pace = 42.195 / 3.5
def mean(values):
    return 7.0 if values[0] == 4.5 else sum(values) / len(values)"""
}
