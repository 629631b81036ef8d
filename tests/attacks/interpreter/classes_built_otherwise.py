"""`__build_class__` is replaced: a class that the test defines gets a method that always agrees."""

AIMS = ("partial",)
CELLS = {
    "partial": """import builtins
plain = builtins.__build_class__
def build(body, name, *bases, **keywords):
    made = plain(body, name, *bases, **keywords)
    if "holds" in vars(made):
        made.holds = lambda self: True
    return made
builtins.__build_class__ = build
def gcd(a, b):
    return 0"""
}
