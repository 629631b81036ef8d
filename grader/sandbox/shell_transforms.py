"""IPython's transformation of a cell's source, without the search for what isn't there: it reads every token, twice.

Owns the test for cells that hold no IPython syntax. In doubt a cell takes IPython's own way, with the same outcome.
"""

from __future__ import annotations

import re
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

#: `x?`; a line that begins with an escape such as %magic, !command or ,call; `a = %magic` and `a = !command`
SPECIAL = re.compile(r"\?|^\s*[!%,;/]|=\s*[!%]", re.MULTILINE)


class OwnTransforms(TransformerManager):  # type: ignore[misc]
    """The shell's transformations."""

    def __init__(self) -> None:
        super().__init__()
        self._usual = list(self.token_transformers)

    def do_token_transforms(self, lines: list[str]) -> Any:
        """The lines with IPython's syntax made Python's."""
        if self.token_transformers == self._usual and SPECIAL.search("".join(lines)) is None:
            return lines
        return super().do_token_transforms(lines)
