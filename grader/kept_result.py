"""A marking's result as a file in storage: kept whole until it is applied.

Owns the format (gzipped JSON). What the result's source says anew, hidden tests above all, is not in it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from courses.model import Text
from grader.results import CellGrade, Finding, MarkingResult, NotebookResult, Outcome, Severity, TestResult
from grader.source import SourceAssignment
from grader.storage import Storage
from grader.strength import Strength

QUICK = 1  # gzip's level: a notebook is read once or never


@dataclass(frozen=True)
class Kept:
    """A kept result: where it is, and how long."""

    sha256: str
    size: int


def keep_result(storage: Storage, result: MarkingResult) -> Kept:
    """Store `result`."""
    whole = {"notebooks": [_of(part) for part in result.notebooks]}
    data = gzip.compress(json.dumps(whole, ensure_ascii=False).encode(), QUICK, mtime=0)
    return Kept(storage.put_bytes(data), len(data))


def kept_result(storage: Storage, sha256: str, source: SourceAssignment) -> MarkingResult:
    """The result kept as `sha256`, made with `source`."""
    with storage.open(sha256) as handle:
        whole = json.loads(gzip.decompress(handle.read()))
    hidden = {notebook.name: dict(notebook.hidden) for notebook in source.notebooks}
    return MarkingResult(tuple(_notebook(part, hidden.get(part["name"], {})) for part in whole["notebooks"]))


def _of(part: NotebookResult) -> dict[str, Any]:
    return {
        "name": part.name,
        "executed": part.executed,
        "shown": part.shown,
        "grades": [[grade.cell, grade.auto_score] for grade in part.grades],
        "comments": part.comments,
        "tests": [test.to_dict() for test in part.tests],
        "findings": [finding.to_dict() for finding in part.findings],
        "missing": part.missing,
        "problem": None if part.problem is None else {"ko": part.problem.ko, "en": part.problem.en},
        "log": part.log,
    }


def _notebook(part: dict[str, Any], hidden: dict[str, Any]) -> NotebookResult:
    from nbformat import from_dict

    executed, shown = (None if part[key] is None else from_dict(part[key]) for key in ("executed", "shown"))
    return NotebookResult(
        name=part["name"],
        executed=executed,
        shown=shown,
        grades=tuple(CellGrade(cell, points) for cell, points in part["grades"]),
        comments=part["comments"],
        tests=tuple(_tests(part["tests"])),
        findings=tuple(_findings(part["findings"])),
        hidden=hidden,
        missing=part["missing"],
        problem=None if part["problem"] is None else Text(**part["problem"]),
        log=part["log"],
    )


def _tests(rows: list[dict[str, Any]]) -> Iterator[TestResult]:
    for row in rows:
        yield TestResult(
            notebook=row["notebook"],
            name=row["name"],
            points=row["points"],
            max_points=row["max_points"],
            outcome=Outcome(row["outcome"]),
            message=None if row["message"] is None else Text(ko=row["message_ko"], en=row["message"]),
            strength=None if row["strength"] is None else Strength(row["strength"]),
        )


def _findings(rows: list[dict[str, Any]]) -> Iterator[Finding]:
    for row in rows:
        text = Text(ko=row["message_ko"], en=row["message"])
        yield Finding(row["rule"], Severity(row["severity"]), row["notebook"], row["cell"], text)
