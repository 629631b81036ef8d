"""Objects whose length is enormous, negative, or another one each time."""

SHOWS = "tried"
CELLS = {
    "dicts": """print("TRIED")
class Lie:
    def __init__(self):
        self.lengths = iter([2**62, -1, 2, 2, 0])
    __len__ = lambda self: next(self.lengths)
    __getitem__ = lambda self, key: 2
    __eq__ = lambda self, other: len(self) > 1
    items = lambda self: iter([("gull", 2), ("tern", 2)])
def tally(words):
    return Lie()""",
    "strings": """class Longer(str):
    __len__ = lambda self: 2**40
greeting = Longer("안녕")
def shout(text):
    return Longer(text)""",
}
LIMITS = {"wall": 8.0, "cell": 2.0}
