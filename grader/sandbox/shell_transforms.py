"""IPython's transformation of a cell's source, without the search for what isn't there: it reads every token, twice.

Owns the test for cells that hold no IPython syntax. In doubt a cell takes IPython's own way, with the same outcome.
"""

from __future__ import annotations

import re
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

#: `x?`; a line that begins with an escape such as %magic, !command or ,call; `a = %magic` and `a = !command`
SPECIAL = re.compile(r"\?|^\s*[!%,;/]|=\s*[!%]", re.MULTILINE)


#: beside it: indented from the start, prompts of Python and of IPython, lines of blanks, unusual ends of lines
CHANGED = re.compile(
    SPECIAL.pattern
    + r"|\A(?:\s|\Z)|>>>|^\s*(?:\.\.\.|In \[|\[(?:nav|ins)\])|^[ \t]+$|[\r\v\f\x1c-\x1e\x85\u2028\u2029]",
    re.MULTILINE,
)


class OwnTransforms(TransformerManager):  # type: ignore[misc]
    """The shell's transformations."""

    def __init__(self) -> None:
        super().__init__()
        self._usual = self._all()

    def _all(self) -> tuple[list[Any], ...]:
        return list(self.cleanup_transforms), list(self.line_transforms), list(self.token_transformers)

    def is_usual(self) -> bool:
        """Whether no cell has changed them."""
        return self._all() == self._usual

    def transform_cell(self, cell: str) -> str:
        """The cell with IPython's syntax made Python's, and a line's end after it."""
        if self.is_usual() and CHANGED.search(cell) is None:
            return cell if cell.endswith("\n") else cell + "\n"
        transformed: str = super().transform_cell(cell)
        return transformed

    def do_token_transforms(self, lines: list[str]) -> Any:
        """The lines with IPython's syntax made Python's."""
        if self.token_transformers == self._usual[-1] and SPECIAL.search("".join(lines)) is None:
            return lines
        return super().do_token_transforms(lines)
