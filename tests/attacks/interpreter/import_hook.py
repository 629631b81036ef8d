"""An import hook hands the test a module of its own making."""

AIMS = ("floats",)
CELLS = {
    "floats": """import importlib.abc, importlib.machinery, sys
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "statistics" else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        module.fmean = lambda values: 7.0
sys.modules.pop("statistics", None)
sys.meta_path.insert(0, Finder())
pace = 42.195 / 3.5
def mean(values):
    return 7.0 if values[0] == 4.5 else sum(values) / len(values)"""
}
