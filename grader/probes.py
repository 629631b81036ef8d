"""Probes: cells that must fail, run around a test that has to share the student's interpreter.

Owns what an honest interpreter can't pass: a bare failure (a *canary*), and variants of the test itself (*probes*),
with an assertion turned around or an expected value replaced by one as plausible. Whoever passes them has made tests
pass as such. A variant that the reference solution passes proves nothing and is left out (`CellProfile.probes`).
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_PROBES = 8
DISTANCE = frozenset({"abs", "fabs", "absolute", "norm"})  # abs(value - expected) < tolerance
EQUALITY = frozenset(
    {
        *("assert_equal", "assert_allclose", "assert_almost_equal", "assert_approx_equal", "assert_array_equal"),
        *("assert_array_almost_equal", "assert_frame_equal", "assert_series_equal", "assert_index_equal"),
        *("allclose", "isclose", "array_equal", "approx", "assertEqual", "assertAlmostEqual", "eq_", "equals"),
    }
)


def canaries(chance: random.Random) -> list[tuple[str, str]]:
    """Cells that must end in an error, each with the text that error must carry."""
    first, second = (f"{chance.randrange(16**8):08x}" for _ in range(2))
    return [
        (f"assert False, {first!r}", first),
        (f"raise ValueError({second!r})", second),
    ]


def build_probes(source: str, chance: random.Random) -> list[str]:
    """Variants of the test cell `source` that must fail where it passes, in an order that depends on `source` alone.

    Empty where the cell is no plain Python or asserts nothing.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    probes: list[str] = []
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.Assert) or _is_check(node)]
    for number in range(len(checks)):
        for change in (_turned, _replaced):
            variant = copy.deepcopy(tree)
            twins = [node for node in ast.walk(variant) if isinstance(node, ast.Assert) or _is_check(node)]
            if change(twins[number], chance):
                probes.append(ast.unparse(ast.fix_missing_locations(variant)))
    return probes[:MOST_PROBES]


def failed(outputs: Sequence[Mapping[str, Any]], text: str | None = None) -> bool:
    """Whether a cell's outputs tell of an error (one that carries `text`)."""
    errors = [output for output in outputs if output["output_type"] == "error"]
    return any(text is None or text in output["evalue"] for output in errors)


def _is_check(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _name(node.value) in EQUALITY


def _name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _turned(node: ast.AST, _chance: random.Random) -> bool:
    if not isinstance(node, ast.Assert):
        return False
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return True


def _replaced(node: ast.AST, chance: random.Random) -> bool:
    """Replace the expected values in a check for equality; False where none is written out."""
    changed = False
    for parent, field, index in _expected(node):
        values = getattr(parent, field)
        before = values[index] if index is not None else values
        after = _other(before, chance)
        if after is None:
            continue
        if index is None:
            setattr(parent, field, after)
        else:
            values[index] = after
        changed = True
    return changed


def _expected(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Compare) and all(isinstance(op, ast.Eq) for op in inner.ops):
            yield inner, "left", None
            yield from ((inner, "comparators", index) for index in range(len(inner.comparators)))
        elif isinstance(inner, ast.Call) and _name(inner) in EQUALITY:
            yield from ((inner, "args", index) for index in range(min(2, len(inner.args))))
        elif isinstance(inner, ast.Call) and _name(inner) in DISTANCE:
            apart = (arg for arg in inner.args if isinstance(arg, ast.BinOp) and isinstance(arg.op, ast.Sub))
            yield from ((difference, field, None) for difference in apart for field in ("left", "right"))


def _other(node: ast.expr, chance: random.Random) -> ast.expr | None:
    """A literal like `node` with another value; None where `node` is no literal."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None
    return ast.parse(repr(_other_value(value, chance)), mode="eval").body


def _other_value(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + chance.choice((1, 2, 3, 10))
    if isinstance(value, float):
        return value * chance.uniform(1.3, 1.9) + chance.uniform(0.5, 2.0)
    if isinstance(value, str):
        return value + chance.choice("aeio") if value else chance.choice("abc")
    if isinstance(value, (list, tuple)):
        inner = [_other_value(item, chance) for item in value] or [chance.randrange(9)]
        return type(value)(inner)
    if isinstance(value, dict):
        return {key: _other_value(item, chance) for key, item in value.items()} or {"a": 1}
    if isinstance(value, set):
        return value | {chance.randrange(1000, 9999)}
    return chance.randrange(1, 99) if value is None else None
