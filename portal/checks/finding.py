"""What a check found: what was looked at, what it is like, and what to do when it falls short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "weak", "missing"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` is empty when there is nothing to do."""

    subject: str
    state: State
    what: str
    remedy: str = ""


def version_of(text: str) -> tuple[int, ...]:
    """The first dotted number in `text`, for comparing: (1, 17, 8); () where there is none."""
    for word in text.replace("v", " ").split():
        parts = word.split("-")[0].split("+")[0].rstrip(",").split(".")
        if len(parts) > 1 and all(part.isdigit() for part in parts[:2]):
            return tuple(int(part) for part in parts if part.isdigit())
    return ()
