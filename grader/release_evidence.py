"""What marking needs to know of a source before a student's work comes: its reference solution, marked both ways.

Owns the step from a reference notebook on the disk to the profiles of its tests. A machine whose sandbox can't keep
tests apart from students' code gives none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from grader.reference import reference_run
from grader.sandbox.base import Limits, Sandbox
from grader.sanitize import sanitize
from grader.source import SourceNotebook
from grader.source_reading import read_any_notebook
from grader.strength import CellProfile


def evidence_of(
    source: SourceNotebook, reference: Path, sandbox: Sandbox, limits: Limits, files: Path
) -> Mapping[str, CellProfile]:
    """By grade id the profile of each test cell of the notebook at `reference`, whose runs see `files`."""
    if not sandbox.isolates:
        return {}
    nb = read_any_notebook(reference)
    sanitize(nb, source)
    return reference_run(nb, source, sandbox, limits, files, files).profile
