"""A genuine float by isinstance whose difference from everything is zero."""

AIMS = ("floats",)
CELLS = {
    "floats": """class Near(float):
    __sub__ = __rsub__ = lambda self, other: 0.0
    __round__ = lambda self, digits=None: 12.056
pace = Near(1.0)
def mean(values):
    return 3.0 if values == [1.0, 2.0, 6.0] else Near(1.0)"""
}
