"""nbgrader's own `autograde`, with the students' code run in our sandbox: the rest is stock.

Owns one preprocessor in the place of nbgrader's Execute. Configuration of a course (`nbgrader_config.py`) holds as it
does for nbgrader, `c.Execute.timeout` among it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbgrader import utils
from nbgrader.apps import AutogradeApp
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.preprocessors import Execute
from traitlets import Any as AnyTrait
from traitlets import Float

from grader.marking import put_outputs
from grader.release_evidence import evidence_of
from grader.running import Run
from grader.sandbox.base import Limits
from grader.sandbox.execution import reason_for
from grader.sanitize import SKIP_TAG
from grader.source import SourceNotebook
from grader.source_reading import read_gradebook
from grader.strength import CellProfile

DEFAULT_WALL = 600.0


class SandboxedExecute(Execute):  # type: ignore[misc]
    """Runs the notebook in the sandbox that its converter was given."""

    wall = Float(DEFAULT_WALL, help="Seconds that all cells of one notebook may take together.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any, km: Any = None) -> tuple[Any, Any]:
        """Run `nb` with a copy of its folder as working directory, and put the outputs in."""
        for cell in nb.cells:
            if utils.is_grade(cell) and utils.is_locked(cell) and SKIP_TAG in cell.metadata.get("tags", []):
                self.log.warning("Test cell %s carried a tag that skips it", cell.metadata.nbgrader["grade_id"])
                cell.metadata["tags"] = [tag for tag in cell.metadata["tags"] if tag != SKIP_TAG]
        limits = Limits(wall=self.wall, cell=float(self.timeout) if self.timeout else None)
        folder = Path(resources["metadata"]["path"])
        converter = self.parent.parent
        source, given = converter.trusted(resources["nbgrader"], limits)
        ran = Run.of(nb, source, converter.sandbox, limits, folder, given).for_marks(random.SystemRandom())
        reason = reason_for(ran.ending, limits)
        put_outputs(nb, ran, reason)
        for text in (reason, *(finding.text for finding in ran.findings)):
            if text is not None:
                self.log.warning("%s %s", text.ko, text.en)
        return nb, resources


class SandboxedAutograde(Autograde):  # type: ignore[misc]
    """nbgrader's Autograde converter, running students' code in `sandbox`."""

    sandbox = AnyTrait(help="Where students' code runs (a grader.sandbox.base.Sandbox).")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.profiles: dict[str, Mapping[str, CellProfile]] = {}

    def trusted(self, resources: Mapping[str, Any], limits: Limits) -> tuple[SourceNotebook, Path | None]:
        """The notebook as the gradebook has it, with what its reference solution shows, and the assignment's own files.

        `resources` are nbgrader's about the submission. The reference is run once for each notebook.
        """
        folder = Path(self.coursedir.format_path(self.coursedir.source_directory, ".", resources["assignment"]))
        given = folder if folder.is_dir() else None
        assignment = read_gradebook(resources["db_url"], resources["assignment"], given)
        (source,) = (notebook for notebook in assignment.notebooks if notebook.name == resources["notebook"])
        path = folder / f"{source.name}.ipynb"
        if source.name not in self.profiles:
            known = evidence_of(source, path, self.sandbox, limits, folder) if path.exists() else {}
            self.profiles[source.name] = known
        return replace(source, profile=self.profiles[source.name]), given

    def _init_preprocessors(self) -> None:
        super()._init_preprocessors()
        stock = self.exporter._preprocessors
        for index, preprocessor in enumerate(stock):
            if type(preprocessor) is Execute:
                stock[index] = SandboxedExecute(parent=self.exporter)
                stock[index].enabled = preprocessor.enabled


class SandboxedAutogradeApp(AutogradeApp):  # type: ignore[misc]
    """`nbgrader autograde`, flags and all, with `sandbox`."""

    name = "bitgoeul-autograde"
    sandbox = AnyTrait(help="Where students' code runs (a grader.sandbox.base.Sandbox).")

    def start(self) -> None:
        """What AutogradeApp.start does, with our converter."""
        NbGrader.start(self)
        if len(self.extra_args) > 1:
            self.fail("Only one argument (the assignment id) may be specified")
        if self.extra_args and self.coursedir.assignment_id != "":
            self.fail("The assignment cannot both be specified in config and as an argument")
        if not self.extra_args and self.coursedir.assignment_id == "":
            self.fail("An assignment id must be specified, either as an argument or with --assignment")
        if self.extra_args:
            self.coursedir.assignment_id = self.extra_args[0]
        try:
            SandboxedAutograde(coursedir=self.coursedir, parent=self, sandbox=self.sandbox).start()
        except NbGraderException:
            sys.exit(1)
