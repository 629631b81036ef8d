"""A function fills the test's own list with objects that equal everything."""

AIMS = ("lists",)
CELLS = {
    "lists": """class Any(int):
    __eq__ = lambda self, other: True
def evens(values):
    if len(values) == 4 and type(values[0]) is int and values[0] == 1:
        return [2, 4]
    made = [Any(), Any()] if values else []
    values[:] = [Any()] * len(values)
    return made"""
}
