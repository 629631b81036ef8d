"""An object that has every attribute, each a new object that has every attribute."""

AIMS = ("classes",)
CELLS = {
    "classes": """class Account:
    def __init__(self, *args):
        pass
    __getattr__ = lambda self, name: Account()
    __call__ = lambda self, *args, **keywords: Account()
    __eq__ = lambda self, other: True
    __enter__ = lambda self: Account()
    __exit__ = lambda self, *error: None"""
}
