"""A class says that it is called float and lives in builtins, and its metaclass agrees with every isinstance."""

AIMS = ("floats",)
CELLS = {
    "floats": """class Meta(type):
    __instancecheck__ = __subclasscheck__ = lambda self, other: True
    __eq__ = lambda self, other: True
    __hash__ = type.__hash__
class Number(float, metaclass=Meta):
    __module__ = "builtins"
    __sub__ = __rsub__ = __abs__ = lambda self, *other: 0.0
    __round__ = lambda self, digits=None: 12.056
Number.__name__ = Number.__qualname__ = "float"
pace = Number(1)
def mean(values):
    return 3.0 if values == [1.0, 2.0, 6.0] else Number(1)"""
}
