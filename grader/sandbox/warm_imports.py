"""Which modules a warm interpreter should have loaded for a notebook. Pure.

Owns the list of modules worth it: large, common, and without effects when imported. Code that was handed in may only
choose among these, so it can't make a worker import, or keep warm, anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

WARM = {
    "numpy": frozenset({"numpy"}),
    "pandas": frozenset({"numpy", "pandas"}),
    "matplotlib": frozenset({"numpy", "matplotlib"}),
    "seaborn": frozenset({"numpy", "pandas", "matplotlib", "seaborn"}),
    "scipy": frozenset({"numpy", "scipy"}),
    "sklearn": frozenset({"numpy", "scipy", "sklearn"}),
    "sympy": frozenset({"sympy"}),
    "torch": frozenset({"numpy", "torch"}),
}
IMPORT = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_][\w.]*(?:(?:\s+as\s+\w+)?\s*,\s*[A-Za-z_][\w.]*)*)", re.MULTILINE)
WORD = re.compile(r"[A-Za-z_][\w.]*")


def find_warm_imports(sources: Iterable[str]) -> frozenset[str]:
    """The modules of the list that `sources` import, with those that they bring along."""
    found: set[str] = set()
    for source in sources:
        for statement in IMPORT.findall(source):
            for name in WORD.findall(statement):
                found |= WARM.get(name.split(".")[0], frozenset())
    return frozenset(found)
