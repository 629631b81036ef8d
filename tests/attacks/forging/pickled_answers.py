"""Answers carry `__reduce__` that would run code where they are unpickled, in objects, arrays and frames."""

SHOWS = "tried"
CELLS = {
    "primes": """print("TRIED")
CODE = "import builtins; builtins.all = lambda *a: True; print('BREACH')"
class Loaded:
    def __reduce__(self):
        return exec, (CODE,)
    __reduce_ex__ = lambda self, protocol: self.__reduce__()
def count_primes(n):
    return Loaded()""",
    "arrays": "def standardise(values):\n    return np.array([Loaded()] * len(values), dtype=object)",
    "frames": "def largest(frame):\n    return pd.DataFrame({'name': [Loaded()], 'people': [Loaded()]})",
    "dicts": "def tally(words):\n    return {'a': Loaded(), 'gull': Loaded()}",
}
