"""A shared test once more, aside: with the instructor's own names, libraries and data in place of what stands there.

Owns what the trusted side knows of a test's surroundings, from the instructor's notebook. Pure; runs nothing. A right
answer passes aside as well; one that passes only because a cell changed `abs`, the data of a locked cell, or looked at
the test's own variables, does not.
"""

from __future__ import annotations

import ast
import builtins
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.judge.free_names import transformed, use_of
from grader.judge.plan import PlannedCell, Role, build_plan

BY_NAME = frozenset({"super", "__build_class__", "__import__", "__debug__"})
Place = tuple[str, str | None]


@dataclass(frozen=True)
class Surroundings:
    """The cells of one notebook, and what the judge would be told of its tests.

    `files` are names that locked cells and tests mention and the reference solution's cells do not.
    """

    cells: tuple[PlannedCell, ...]
    contexts: Mapping[int, Mapping[str, Any]]
    files: tuple[str, ...]
    words: frozenset[str]
    prefix: str = field(default_factory=lambda: f"_{secrets.token_hex(4)}_")  # nobody's name begins like this

    @classmethod
    def of(cls, cells: Sequence[PlannedCell], reference: Sequence[str]) -> Surroundings:
        """`reference` has the sources of all code cells of the instructor's notebook."""
        ours = [cell.source for cell in cells if cell.role is not Role.STUDENT]
        trusted = {source.strip() for source in ours}
        solutions = [source for source in reference if source.strip() not in trusted]
        named = set().union(*map(_texts, ours)) - set().union(*map(_texts, solutions))
        files = tuple(sorted(name for name in named if _is_file(name)))
        words = frozenset().union(*(words_of(source) for source in reference), *(words_of(source) for source in ours))
        return cls(tuple(cells), build_plan(cells, reference).contexts, files, words)

    def genuine(self) -> dict[str, Place]:
        """Where the names come from that tests take for builtins or for what an import gave them; by alias."""
        found: dict[str, Place] = {}
        for cell in self.cells:
            if cell.role is Role.TEST:
                found |= {f"{self.prefix}{name}": place for name, place in self._taken(cell).items()}
                imported = {one.module for one in use_of(cell.source).imports}
                found |= {f"{self.prefix}import_{module}": (module, None) for module in imported}
                found |= {f"{self.prefix}part_{name}_{part}": place for name, part, place in self._parts(cell)}
        return found

    def _parts(self, cell: PlannedCell) -> list[tuple[str, str, Place]]:
        """Attributes that a test takes of modules: a library may load them only when it is asked."""
        tree, imports = _tree(cell.source), self.contexts[cell.index]["imports"]
        return [
            (node.value.id, node.attr, (imports[node.value.id][0][0], node.attr))
            for node in (ast.walk(tree) if tree is not None else ())
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if len(imports.get(node.value.id, ())) == 1 and imports[node.value.id][0][1] is None
        ]

    def aside(self, cell: PlannedCell) -> tuple[str, list[str]] | None:
        """The test `cell` as it is run aside, and names that are hidden then; None where it is no plain Python."""
        tree = _tree(cell.source)
        if tree is None:
            return None
        own, context = use_of(cell.source), self.contexts[cell.index]
        arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        locked = {name for other in self.cells if other.role is Role.LOCKED for name in use_of(other.source).binds}
        mine = own.binds - own.imported - arguments - locked - set(context["student"]) - set(context["carried"])
        renaming = {name: f"{self.prefix}own_{name}" for name in mine}
        renaming |= {name: f"{self.prefix}{name}" for name in self._taken(cell) if name not in arguments}
        _Renaming(renaming).visit(tree)
        return "\n".join([*self._locked(cell), ast.unparse(ast.fix_missing_locations(tree))]), sorted(mine)

    def _locked(self, test: PlannedCell) -> list[str]:
        """The locked cells before a test, but not those whose names the student's cells are to change."""
        student = set(self.contexts[test.index]["student"])
        found = []
        for cell in self.cells:
            if cell.index >= test.index:
                break
            use = use_of(cell.source)
            plain = not cell.source.lstrip().startswith("%%") and not use.classes
            if cell.role is Role.LOCKED and plain and not use.binds & student:
                found.append(cell.source)
        return found

    def _taken(self, cell: PlannedCell) -> dict[str, Place]:
        context, use = self.contexts[cell.index], use_of(cell.source)
        found: dict[str, Place] = {}
        for name in use.loads - use.binds - BY_NAME - set(context["student"]) - set(context["owned"]):
            places = context["imports"].get(name)
            if places and len(places) == 1:
                found[name] = (places[0][0], places[0][1])
            elif not places and name not in context["builtins"] and hasattr(builtins, name):
                found[name] = ("builtins", name)
        return found


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.name = self.names.get(node.name, node.name)
        self.generic_visit(node)
        return node

    def visit_Global(self, node: ast.Global) -> ast.Global:
        node.names = [self.names.get(name, name) for name in node.names]
        return node


NAMESPACE = frozenset({"globals", "user_ns", "user_global_ns", "__globals__", "__builtins__", "In", "_ih", "_i", "_ii"})
INNARDS = frozenset({"f_back", "f_locals", "f_globals", "history_manager", "input_hist_raw", "last_traceback"})


def words_of(source: str) -> frozenset[str]:
    """Words in a cell by which code looks at what is not its own: the namespace, the history, frames."""
    tree = _tree(source)
    if tree is None:
        return frozenset()
    found: set[str] = set()
    main = "__main__"
    guards = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in node.comparators}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Constant) and node.value == main and id(node) not in guards:
            found.add(main)
    return frozenset(found & (NAMESPACE | INNARDS | {main}))


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(transformed(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _texts(source: str) -> set[str]:
    tree = _tree(source)
    nodes = ast.walk(tree) if tree is not None else ()
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _is_file(name: str) -> bool:
    return 2 < len(name) < 200 and "." in name[1:-1] and name.isprintable() and name[0] != "/" and name[-1] != "."
