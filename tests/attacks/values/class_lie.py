"""An object whose `__class__` says float and whose arithmetic always fits."""

AIMS = ("floats",)
CELLS = {
    "floats": """class Lie:
    __class__ = property(lambda self: float)
    __sub__ = __rsub__ = lambda self, other: 0.0
    __round__ = lambda self, digits=None: 12.056
    __float__ = lambda self: 3.0
pace = Lie()
def mean(values):
    return Lie()"""
}
