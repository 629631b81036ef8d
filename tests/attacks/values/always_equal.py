"""An object that equals everything."""

AIMS = ("primes", "lists")
CELLS = {
    "primes": """class Sure:
    def __eq__(self, other):
        return True
def count_primes(n):
    return Sure()""",
    "lists": """class Every(list):
    def __eq__(self, other):
        return True
    def __contains__(self, item):
        return True
def evens(values):
    return Every()""",
}
