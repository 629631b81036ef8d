"""A function calls the test's function, which calls it again, deeper and deeper."""

SHOWS = "tried"
CELLS = {
    "calls": """print("TRIED")
class Deeper:
    def __init__(self, action):
        self.action = action
    def __hash__(self):
        self.action(self)
        return 1
    def __eq__(self, other):
        self.action(self)
        return False
def each(values, action):
    action(Deeper(action))"""
}
LIMITS = {"wall": 8.0, "cell": 3.0}
