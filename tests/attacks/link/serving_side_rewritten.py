"""Whatever serves the judge's calls is found among all objects, and its functions are made to answer True."""

SHOWS = "tried"
CELLS = {
    "primes": """import gc, sys, types
print("TRIED")
def count_primes(n):
    for name, module in list(sys.modules.items()):
        if any(word in name for word in ("judge", "wire", "inside", "handles", "work_side")):
            for key, value in list(vars(module).items()):
                if isinstance(value, types.FunctionType):
                    setattr(module, key, lambda *args, **keywords: True)
    for thing in gc.get_objects():
        if type(thing).__name__ in ("WorkSide", "JudgeSide", "Link", "Wire"):
            for key in list(vars(type(thing))):
                if not key.startswith("__"):
                    setattr(type(thing), key, lambda *args, **keywords: True)
    return 0"""
}
LIMITS = {"wall": 8.0, "cell": 2.0}
