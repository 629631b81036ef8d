"""Imports that cost seconds and are not needed for marking.

jsonschema parses a grammar of web addresses (rfc3987_syntax) when it is imported, 1.6 s of processor time, to check
formats that no notebook has; it does without where that package is missing.
"""

from __future__ import annotations

import sys

SLOW = ("rfc3987_syntax",)


def leave_out_slow_imports() -> None:
    """Call at the start of a command, before nbformat is imported."""
    for name in SLOW:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
