"""What a cell's source does with global names, found by compiling it: loads, binds, deletes, imports.

Trusted sources only; nothing is run. IPython's magics are transformed first, a cell magic's body is looked into.
"""

from __future__ import annotations

import ast
import dis
import re
import types
import warnings
from dataclasses import dataclass, field
from functools import lru_cache

COROUTINES = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
PYTHON_MAGICS = ("time", "timeit", "capture", "prun", "python3", "python")
MUTATORS = frozenset(
    [
        "append",
        "extend",
        "insert",
        "pop",
        "remove",
        "clear",
        "sort",
        "reverse",
        "add",
        "discard",
        "update",
        "setdefault",
        "popitem",
        "fill",
        "resize",
        "difference_update",
        "intersection_update",
        "symmetric_difference_update",
        "appendleft",
        "popleft",
        "rotate",
    ]
)
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*\n")


@dataclass(frozen=True)
class Import:
    """`name` is `attribute` of `module`, or the module; `beside` names modules that are loaded with it."""

    name: str
    module: str
    attribute: str | None
    beside: tuple[str, ...] = ()

    @property
    def place(self) -> list[object]:
        return [self.module, self.attribute, list(self.beside)]


@dataclass
class Use:
    """What one cell does. `loads` are names it needs from outside, `inner` those its functions load as globals."""

    loads: set[str] = field(default_factory=set)
    inner: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    deletes: set[str] = field(default_factory=set)
    mutates: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    text: str = ""

    @property
    def imported(self) -> set[str]:
        return {one.name for one in self.imports}


@lru_cache(maxsize=4096)
def use_of(source: str) -> Use:
    """The use of names in `source`; an empty one if it can't be compiled."""
    text = transformed(source)
    try:
        tree = ast.parse(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(text, "<cell>", "exec", flags=COROUTINES, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Use()
    use = Use(text=text)
    _outer(code, use)
    _statements(tree, use)
    return use


def transformed(source: str) -> str:
    """The source as Python: IPython's own syntax rewritten."""
    match = _CELL_MAGIC.match(source)
    if match:
        return transformed(source[match.end() :]) if match[1] in PYTHON_MAGICS else ""
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return str(TransformerManager().transform_cell(source))


def _outer(code: types.CodeType, use: Use) -> None:
    for instruction in dis.get_instructions(code):
        name, what = instruction.argval, instruction.opname
        if what in ("STORE_NAME", "STORE_GLOBAL"):
            use.binds.add(name)
        elif what in ("DELETE_NAME", "DELETE_GLOBAL"):
            use.deletes.add(name)
            if name not in use.binds:
                use.loads.add(name)
        elif what in ("LOAD_NAME", "LOAD_GLOBAL") and name not in use.binds:
            use.loads.add(name)
    bound = set(use.binds)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _inner(constant, use)
    use.loads |= use.inner - bound
    use.loads -= {"__name__"}  # the body of a class reads it


def _inner(code: types.CodeType, use: Use) -> None:
    own: set[str] = set()
    for instruction in dis.get_instructions(code):
        name, what = instruction.argval, instruction.opname
        if what == "STORE_NAME":
            own.add(name)
        elif what == "STORE_GLOBAL":
            use.binds.add(name)
        elif what == "DELETE_GLOBAL":
            use.deletes.add(name)
        elif what in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS") and name not in own:
            use.inner.add(name)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _inner(constant, use)


def _statements(tree: ast.Module, use: Use) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            use.imports += [_plain_import(alias) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if alias.name == "*":
                    use.stars.append(node.module)
                else:
                    use.imports.append(Import(alias.asname or alias.name, node.module, alias.name))
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            use.mutates |= _root(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            in_place = any(word.arg == "inplace" for word in node.keywords)
            if node.func.attr in MUTATORS or in_place:
                use.mutates |= _root(node.func)
    use.mutates &= use.loads | use.inner | use.binds  # a parameter may have a global's name
    use.classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and "tuple" in ast.unparse(node.value.func)
        ):
            use.classes |= {target.id for target in node.targets if isinstance(target, ast.Name)}


def _plain_import(alias: ast.alias) -> Import:
    if alias.asname:
        return Import(alias.asname, alias.name, None)
    root = alias.name.partition(".")[0]
    return Import(root, root, None, (alias.name,) if root != alias.name else ())


def _root(node: ast.expr) -> set[str]:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()
