"""Tables on a terminal, where a Korean letter is two columns wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def width(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def layout(rows: Sequence[Sequence[str]], *, indent: str = "") -> str:
    """`rows` with their columns aligned, one row a line."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        indent + "  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
