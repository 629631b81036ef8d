"""What a measurement says, as a table for people and a JSON list for programs. Ratios are measured in one run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


class CannotMeasure(Exception):
    """This machine lacks what a measurement needs; the message says what, and how to get it."""


@dataclass(frozen=True)
class Result:
    """One figure of ours, and a peer's from the same run where there is one. `ratio` is ours by the peer's."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if not self.peer_value else self.value / self.peer_value

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "ratio": self.ratio}


def table(results: Sequence[Result]) -> str:
    """The results in columns."""
    head = ("measured", "ours", "unit", "peer", "peer's", "ratio")
    rows = [
        (
            result.name,
            f"{result.value:.2f}",
            result.unit,
            result.peer or "",
            "" if result.peer_value is None else f"{result.peer_value:.2f}",
            "" if result.ratio is None else f"{result.ratio:.2f}",
        )
        for result in results
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def write(name: str, results: Sequence[Result]) -> Path:
    """Write bench/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps([result.to_dict() for result in results], indent=2, ensure_ascii=False) + "\n")
    return path
