"""Which questions of a test cell reach the student's code, and what is noted down about them: the evidence.

A question that carries a plain value could hand an expected result to the code that is being judged. It goes through
only if the reference solution needed the same question at the same place: its key is line, operation and name. Calls of
the student's functions carry arguments by their nature and always go through.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from grader.judge.surrogates import Method, SurrogateMeta, is_surrogate


def is_plain(operand: Any) -> bool:
    """Whether an operand tells the other side something it did not make itself."""
    return not (operand is None or type(operand) in (SurrogateMeta, Method) or is_surrogate(operand))


class Gate:
    """One test cell's rules and evidence.

    `known` holds the keys of the reference's run, None if there was none; in a `reference` run everything goes through.
    """

    def __init__(self, namespace: Mapping[str, Any], context: Mapping[str, Any] | None) -> None:
        context = context or {}
        evidence = context.get("evidence")
        self._namespace = namespace
        self.reference = bool(context.get("reference"))
        self.known: frozenset[str] | None = None if evidence is None else frozenset(evidence.get("operations", ()))
        self.operations: set[str] = set()
        self.names: dict[str, str] = {}
        self.faults: list[str] = []
        self.weak = False
        self.calls = 0

    def key(self, operation: str, name: str) -> str:
        """The key of a question asked right now: where the innermost line of a test stands."""
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_globals is not self._namespace:
            frame = frame.f_back
        return f"{frame.f_lineno if frame is not None else 0}:{operation}:{name}"

    def lets_call(self, key: str) -> bool:
        """Whether a call with plain arguments, of something that is no function of a name, goes through."""
        return self._lets(key, otherwise=True)

    def lets_compare(self, key: str) -> bool:
        """Whether a comparison or an operator with plain operands goes through."""
        return self._lets(key, otherwise=False)

    def _lets(self, key: str, otherwise: bool) -> bool:
        fine = self.reference or (otherwise if self.known is None else key in self.known)
        if fine:
            self.operations.add(key)
        return fine

    def evidence(self) -> dict[str, Any]:
        """What is kept of this cell's run, as JSON."""
        return {
            "operations": sorted(self.operations),
            "weak": self.weak,
            "faults": list(self.faults),
            "names": dict(sorted(self.names.items())),
            "calls": self.calls,
        }
