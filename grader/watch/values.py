"""A test cell that notes what it comes by while it runs: which checks were reached, which failed, what it was given.

Owns the change to the test's syntax tree. What the test does, and the lines of its traceback, stay as they are.
There is no class here, as in all of this package: a class can be found by whoever asks `object` for those there are.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

globals()["__builtins__"] = dict(vars(builtins))

ANSWERING = ("unittest.mock", "numpy.ma", "_pytest", "pytest", "dirty_equals", "hamcrest", "testfixtures", "mock")
DEEP = 2
MANY = 32
OFTEN = 1000

_module_of = type.__dict__["__module__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__


Notes = SimpleNamespace  # reached, false, type, ended, result: what one test cell came by


def new_notes() -> Notes:
    """Of a test that has not begun."""
    return Notes(reached=set(), false=set(), type=set(), ended=False, result=None, looked=0)


def recorder(notes: Notes) -> Callable[[str, int, Any], Any]:
    """The function that a changed test calls, which gives back the value it is given."""

    def note(kind: str, number: int, value: Any) -> Any:
        if kind == "assert":
            value = bool(value)
            notes.reached.add(number)
            if not value:
                notes.false.add(number)
        elif kind == "reach":
            notes.reached.add(number)
        elif kind == "end":
            notes.ended = True
            if type(value) in (int, float, bool):
                notes.result = repr(value)
        if notes.looked < OFTEN:
            notes.looked += 1
            _look_at(value, DEEP, notes.type)
        return value

    return note


def _look_at(value: Any, depth: int, types: set[str]) -> None:
    kind = type(value)
    module = _module_of(kind)
    if type(module) is str and module.startswith(ANSWERING):
        types.add(f"{module}.{_qualname_of(kind)}")
    if depth and kind in (list, tuple, set, frozenset):
        for number, inner in enumerate(value):
            if number >= MANY:
                break
            _look_at(inner, depth - 1, types)
    elif depth and kind is dict:
        for inner in list(value.values())[:MANY]:
            _look_at(inner, depth - 1, types)


def noting(tree: ast.Module, name: str) -> ast.Module:
    """The test's tree, changed so that it calls the function named `name`, also at its end."""
    number = 0

    def noted(kind: str, value: ast.expr) -> ast.expr:
        nonlocal number
        number += 1
        arguments: list[ast.expr] = [ast.Constant(kind), ast.Constant(number), value]
        return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), arguments, []), value)

    def visit(node: Any, sure: bool) -> Any:
        if isinstance(node, UNTOUCHED):
            return node
        own = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
        for field in node._fields:
            if field not in NO_CODE:
                inner = sure and not isinstance(node, PERHAPS) and (not isinstance(node, ast.If) or field == "test")
                setattr(node, field, each(getattr(node, field, None), inner))
        if own is not None:
            node.func = own  # `super()` and the like want to be called by their name
        if isinstance(node, ast.Assert):
            node.test = noted("assert" if sure else "value", node.test)
        elif isinstance(node, ast.Compare):
            return noted("reach" if sure else "value", node)
        elif isinstance(node, ast.Call) or (isinstance(node, LOADED) and isinstance(node.ctx, ast.Load)):
            return noted("value", node)
        return node

    def each(value: Any, sure: bool) -> Any:
        if isinstance(value, list):
            return [each(item, sure) for item in value]
        return visit(value, sure) if isinstance(value, ast.AST) else value

    for statement in tree.body:
        visit(statement, True)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        last.value = noted("end", last.value)
    elif last is not None:
        tree.body.append(ast.copy_location(ast.Expr(noted("end", ast.copy_location(ast.Constant(None), last))), last))
    return ast.fix_missing_locations(tree)


LOOPS = (ast.For, ast.While, ast.comprehension, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
PERHAPS = (ast.BoolOp, ast.IfExp, ast.Try, *LOOPS)
UNTOUCHED = (ast.Match, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.expr_context)
LOADED = (ast.Name, ast.Attribute)
NO_CODE = frozenset({"ctx", "annotation", "returns", "decorator_list", "ops", "op", "type_comment"})
