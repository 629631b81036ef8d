"""An array whose `__array_ufunc__` and `__array_function__` answer yes to every comparison."""

AIMS = ("arrays",)
CELLS = {
    "arrays": """class Sure(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        return self
    def __array_function__(self, function, types, args, keywords):
        return True
    def mean(self, *args, **keywords):
        return 0.0
def standardise(values):
    if len(values) == 3:
        return np.array([-1.224745, 0.0, 1.224745])
    return np.zeros(1).view(Sure)"""
}
