"""`__import__` is replaced and gives the test altered functions."""

AIMS = ("floats",)
CELLS = {
    "floats": """import builtins, types
plain = builtins.__import__
def altered(name, *args, **keywords):
    if name == "statistics":
        return types.SimpleNamespace(fmean=lambda values: 7.0)
    return plain(name, *args, **keywords)
builtins.__import__ = altered
pace = 42.195 / 3.5
def mean(values):
    return 7.0 if values[0] == 4.5 else sum(values) / len(values)"""
}
