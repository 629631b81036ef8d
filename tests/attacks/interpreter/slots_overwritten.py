"""The comparison in the type objects of list and dict is overwritten in memory: everything equals everything."""

AIMS = ("lists", "dicts")
CELLS = {
    "lists": """import ctypes
SLOT = 200  # tp_richcompare in CPython 3.11
Compare = ctypes.CFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int)
keep = Compare(lambda left, right, operator: operator == 2)
for kind in (list, dict):
    ctypes.c_void_p.from_address(id(kind) + SLOT).value = ctypes.cast(keep, ctypes.c_void_p).value
def evens(values):
    return [88172]""",
    "dicts": "def tally(words):\n    return {'gull': 2, 'x': 9}",
}
