"""The names of cells' code: those that ipykernel gives, found sooner. Tracebacks and warnings show them.

Owns the compiler of the shell. A cell of the instructor's is the same for every student, so its hash comes from
outside, where it is kept.
"""

from __future__ import annotations

import os

from ipykernel.compiler import XCachingCompiler, get_tmp_directory

from grader.sandbox.shell_hash import hash_of


class OwnCompiler(XCachingCompiler):  # type: ignore[misc]
    """The shell's compiler. `known` is a cell's source with its hash, None if the next cell's is not known."""

    known: tuple[str, int] | None = None

    def get_code_name(self, raw_code: str, code: str, number: int) -> str:
        """What ipykernel.compiler.get_file_name says of a cell's source."""
        named = os.environ.get("IPYKERNEL_CELL_NAME")
        if named is not None:
            return named
        known = self.known
        found = known[1] if known is not None and known[0] == raw_code else hash_of(raw_code)
        return f"{get_tmp_directory()}{os.sep}{found}.py"
