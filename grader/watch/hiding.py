"""A test's source, kept out of what the student's code may look into while the test runs: history and line cache.

Owns the few methods of the shell that are led through here. A traceback still shows the test's lines.
"""

from __future__ import annotations

import ast
import builtins
import linecache
from collections.abc import Callable
from typing import Any

from grader.watch.code import TRUSTED
from grader.watch.values import noting

globals()["__builtins__"] = dict(vars(builtins))

_lines = linecache.cache


def hide_tests(shell: Any) -> Callable[[str, str], None]:
    """Lead the shell's methods through here. The result says what the next cell is, and the name it notes things by.

    A cell is "", the student's; "locked", the instructor's; or "test", whose source is hidden.
    """
    kind, name = "", ""
    kept: dict[str, Any] = {}
    cache, store, show = shell.compile.cache, shell.history_manager.store_inputs, shell.showtraceback
    transform = shell.transform_ast

    def caching(*args: Any, **keywords: Any) -> str:
        file: str = cache(*args, **keywords)
        if kind:
            TRUSTED.add(file)
        if kind == "test":
            kept[file] = _lines.pop(file, None)
        return file

    def storing(number: int, source: str, raw: str | None = None) -> None:
        store(number, "" if kind == "test" else source, "" if kind == "test" else raw)

    def showing(*args: Any, **keywords: Any) -> Any:
        _lines.update({file: entry for file, entry in kept.items() if entry is not None})
        try:
            return show(*args, **keywords)
        finally:
            for file in kept:
                _lines.pop(file, None)

    def transforming(tree: Any) -> Any:
        tree = transform(tree)
        return noting(tree, name) if kind == "test" and isinstance(tree, ast.Module) else tree

    def expect(wanted: str, noted_by: str) -> None:
        nonlocal kind, name
        kind, name = wanted, noted_by

    shell.compile.cache = caching
    shell.history_manager.store_inputs = storing
    shell.showtraceback = showing
    shell.transform_ast = transforming
    return expect
