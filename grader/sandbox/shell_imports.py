"""Cells that do nothing but name modules which are loaded already: notebooks begin with them, and so does marking.

Owns which cells those are. Nothing of a module runs then and nothing can be printed or raised, so such a cell needs
none of the machinery around a cell.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from types import CodeType, ModuleType


def code_of_imports(source: str, modules: Mapping[str, ModuleType] | None = None) -> CodeType | None:
    """The cell compiled, if all it does is to import what is in `modules` (default: those of this process)."""
    if not source.startswith(("import ", "from ", "#")):
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    loaded = sys.modules if modules is None else modules
    if not tree.body or not all(_is_loaded(node, loaded) for node in tree.body):
        return None
    return compile(tree, "<imports>", "exec")


def _is_loaded(node: ast.stmt, modules: Mapping[str, ModuleType]) -> bool:
    if isinstance(node, ast.Import):
        return all(alias.name in modules for alias in node.names)
    if not isinstance(node, ast.ImportFrom) or node.level or node.module in (None, "__future__"):
        return False
    module = modules.get(node.module or "")
    return module is not None and all(alias.name in vars(module) for alias in node.names)
