"""An object whose printed form, in the message of a failed assertion, is enormous."""

SHOWS = "tried"
CELLS = {
    "primes": """print("TRIED")
class Wide:
    __repr__ = __str__ = lambda self: "x" * (1 << 27)
    __eq__ = lambda self, other: (_ for _ in ()).throw(ValueError(self))
def count_primes(n):
    return Wide()"""
}
LIMITS = {"wall": 12.0, "cell": 4.0}
