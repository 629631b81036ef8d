"""A class of the student's whose attributes equal whatever they are compared with."""

AIMS = ("classes",)
CELLS = {
    "classes": """class Any(int):
    __eq__ = lambda self, other: True
class Account:
    balance = property(lambda self: Any())
    owner = property(lambda self: Any())
    __init__ = deposit = lambda self, value: None
    __enter__ = lambda self: self
    __exit__ = lambda self, *error: None"""
}
