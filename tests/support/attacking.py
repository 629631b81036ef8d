"""Attacks as values: found in tests/attacks, marked as a worker marks a submission, and tried unguarded as a control.

Nothing here runs a line of an attack itself: that happens in a sandbox, in the control run too.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import attacked_course
from attacked_course import NOTEBOOK, QUESTIONS, RIGHT, WRONG, released_notebook, test_of
from small_course import code

from grader.feedback import own_grades, pages_of_marking
from grader.feedback_page import render
from grader.marking import mark_notebook
from grader.reading import Unreadable, read_notebook
from grader.results import MarkingResult, NotebookResult
from grader.sandbox.base import Ending, Limits, Sandbox, SandboxJob, SandboxResult, SandboxUnavailable
from grader.sandbox.namespaces import NamespaceSandbox
from grader.sanitize import sanitize
from grader.source import SourceAssignment, SourceNotebook

FOLDER = Path(__file__).resolve().parents[1] / "attacks"
MODES = ("strong", "shared")
BREACH = "BREACH"  # an attack prints it when it got hold of what it must not have
TRIED = "TRIED"  # an attack without a gain in points prints it when it has come to its end
MIB = 1024 * 1024
USUAL = {"wall": 20.0, "cell": 6.0, "memory": 768 * MIB, "processes": 64, "scratch": 64 * MIB, "output": 8 * MIB}
PATIENT = USUAL | {"wall": 90.0, "cell": 40.0}


@dataclass(frozen=True)
class Attack:
    """One attack, as its file describes it.

    `aims` are the questions whose points it wants. `cells` replaces answers (the others are wrong), `extra` adds a cell
    after a question's test, `files` are handed in with the notebook, `bait` is what the control lays in its way.
    `shows` is what a control run has to show where the gain is not points: "breach", "leak", "page", "tried" or "dies".
    """

    name: str
    idea: str
    aims: tuple[str, ...]
    shows: str
    cells: Mapping[str, str]
    extra: Mapping[str, str]
    files: Mapping[str, bytes]
    bait: Mapping[str, bytes]
    limits: Mapping[str, Any]
    tamper: Callable[[dict[str, Any]], dict[str, Any] | bytes] | None = None

    @property
    def family(self) -> str:
        return self.name.split("/")[0]


@lru_cache(maxsize=1)
def attacks() -> tuple[Attack, ...]:
    """Every attack in tests/attacks, by family and name."""
    return tuple(_load(path) for path in sorted(FOLDER.glob("*/*.py")))


def _load(path: Path) -> Attack:
    name = f"{path.parent.name}/{path.stem}"
    spec = importlib.util.spec_from_file_location(f"attack_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    aims = tuple(getattr(module, "AIMS", ()))
    shows = getattr(module, "SHOWS", "points" if aims else "")
    assert set(aims) <= set(QUESTIONS), f"{name} aims at unknown questions"
    assert shows in ("points", "breach", "leak", "page", "tried", "dies"), f"{name} does not say what it shows"
    return Attack(
        name=name,
        idea=(module.__doc__ or "").strip(),
        aims=aims,
        shows=shows,
        cells=getattr(module, "CELLS", {}),
        extra=getattr(module, "EXTRA", {}),
        files=getattr(module, "FILES", {}),
        bait=getattr(module, "BAIT", {}),
        limits=getattr(module, "LIMITS", {}),
        tamper=getattr(module, "tamper", None),
    )


@dataclass(frozen=True)
class World:
    """What surrounds a marking: the course with its hidden tests, a host that listens, the sandbox under attack."""

    source: SourceNotebook
    course: Path
    sandbox: Sandbox
    scratch: Path
    places: Mapping[str, str] = field(default_factory=dict)  # what @NAME@ in an attack stands for
    given: Path | None = None  # a folder with the course's own files alone

    def submission(self, attack: Attack) -> bytes:
        """The notebook that the attacker hands in."""
        nb = released_notebook(WRONG | {key: self._placed(text) for key, text in attack.cells.items()})
        nb["cells"] = [cell for given in nb["cells"] for cell in (given, *self._added(attack, given))]
        handed_in = attack.tamper(nb) if attack.tamper else nb
        return handed_in if isinstance(handed_in, bytes) else json.dumps(handed_in, ensure_ascii=False).encode()

    def _added(self, attack: Attack, cell: dict[str, Any]) -> list[dict[str, Any]]:
        key = cell["metadata"].get("nbgrader", {}).get("grade_id")
        return [code(self._placed(text)) for question, text in attack.extra.items() if test_of(question) == key]

    def _placed(self, text: str) -> str:
        for name, value in self.places.items():
            text = text.replace(f"@{name}@", value)
        return text

    def folder(self, label: str, files: Mapping[str, bytes]) -> Path:
        """A submission's folder: what was handed in, and the course's own files over it."""
        own = {name: content.encode() for name, content in attacked_course.DATA.items()}
        target = self.scratch / label.replace("/", "-")
        for name, content in (*files.items(), *own.items()):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
        return target


@dataclass(frozen=True)
class Outcome:
    """What came of a marking, for the staff and for the student."""

    result: MarkingResult
    page: str

    @property
    def points(self) -> dict[str, float]:
        return {test.name.removesuffix("_test"): test.points for test in self.result.tests if test.points}

    @property
    def clean(self) -> bool:
        return self.result.integrity == "clean"

    @property
    def outputs(self) -> str:
        """Everything that the cells left, as staff sees it."""
        parts = [part.executed for part in self.result.notebooks if part.executed is not None]
        return json.dumps([cell.get("outputs", []) for nb in parts for cell in nb.cells], ensure_ascii=False)

    @property
    def breaches(self) -> list[str]:
        """What attacks say they got hold of: printed, not merely quoted from their source by a traceback."""
        outputs = [output for cell in json.loads(self.outputs) for output in cell]
        printed = "\n".join(output["text"] for output in outputs if output["output_type"] == "stream")
        return [row for row in printed.splitlines() if BREACH in row]

    @property
    def sentences(self) -> str:
        """What a student is told beside the page."""
        texts = [test.message for test in self.result.tests] + [part.problem for part in self.result.notebooks]
        return "\n".join(f"{text.ko}\n{text.en}" for text in texts if text)


def mark(
    world: World,
    notebook: bytes,
    folder: Path,
    limits: Mapping[str, Any],
    mode: str,
    questions: Iterable[str] = QUESTIONS,
) -> Outcome:
    """Mark `notebook` as a worker does, the tests of `questions` in `mode`, and make the feedback page."""
    path = folder / f"{NOTEBOOK}.ipynb"
    path.write_bytes(notebook)
    modes = {test_of(question): mode for question in questions}
    part: NotebookResult = mark_notebook(
        world.source, path, world.sandbox, Limits(**limits), folder, given=world.given, modes=modes
    )
    result = MarkingResult((part,))
    (page,) = pages_of_marking(SourceAssignment("ps1", (world.source,)), result, own_grades(result))
    return Outcome(result, render(page))


def launch(world: World, attack: Attack, mode: str) -> Outcome:
    """Mark the attacker's submission, what it aims at in `mode`."""
    folder = world.folder(f"{attack.name}-{mode}", attack.files)
    return mark(world, world.submission(attack), folder, USUAL | attack.limits, mode, attack.aims or QUESTIONS[:1])


LOOK_AROUND = """import glob, os
left = [p for folder in ("/tmp", "/dev/shm", "/var/tmp", ".", os.path.expanduser("~"),
    os.path.expanduser("~/.local/lib"))
        for p in glob.glob(os.path.join(folder, "*left-behind*"))]
left += [row for kind in ("shm", "sem", "msg") if os.path.exists(f"/proc/sysvipc/{kind}")
         for row in open(f"/proc/sysvipc/{kind}").read().splitlines()[1:]]
left += [row for row in open("/proc/net/unix").read().splitlines() if "left-behind" in row]
left += [name for name in os.environ if "LEFT_BEHIND" in name]
if left:
    print("BREACH", left)
"""


def honest_neighbour(world: World, label: str, mode: str) -> Outcome:
    """Mark a right submission, which also looks for what an earlier one may have left."""
    nb = released_notebook(RIGHT)
    nb["cells"].insert(1, code(LOOK_AROUND))
    folder = world.folder(f"{label}-neighbour", {})
    return mark(world, json.dumps(nb).encode(), folder, PATIENT, mode, QUESTIONS[:1])


@dataclass(frozen=True)
class Control:
    """What an attack does where nothing guards the tests: one interpreter for all cells, stock nbgrader's scoring."""

    points: Mapping[str, float]
    outputs: str
    run: SandboxResult


def control(world: World, attack: Attack) -> Control:
    """Run the attack in one kernel inside the namespace sandbox.

    Where a notebook was tampered with, nothing is put right first: what it claims is what it gets.
    """
    try:
        nb = read_notebook(world.submission(attack))
    except Unreadable as error:
        return Control({}, error.text.en, SandboxResult(Ending.DIED, {}, error.text))
    if attack.tamper is None:
        sanitize(nb, world.source)
    folder = world.folder(f"{attack.name}-control", {**attack.files, **attack.bait})
    return run_plainly(nb, folder, PATIENT | attack.limits)


def run_plainly(nb: Any, folder: Path, limits: Mapping[str, Any]) -> Control:
    """Run all cells of `nb` in one kernel and score them with nbgrader's determine_grade."""
    import nbformat
    from nbgrader.preprocessors import LimitOutput
    from nbgrader.utils import is_grade

    try:
        run = NamespaceSandbox().run(SandboxJob(notebook=nb, files=folder, limits=Limits(**limits)))
    except SandboxUnavailable:  # it brought down even what runs it
        run = SandboxResult(Ending.DIED, {})
    failed = {"output_type": "error", "ename": "NotRun", "evalue": "", "traceback": []}
    for index, cell in enumerate(nb.cells):
        if cell.cell_type == "code":
            done = run.cells.get(index)
            skipped = "skip-execution" in cell.metadata.get("tags", []) or not cell.source.strip()
            outputs = done.outputs if done else [] if skipped else [failed]
            cell["outputs"] = [nbformat.from_dict(output) for output in outputs]
    LimitOutput().preprocess(nb, {})
    points: dict[str, float] = {}
    for cell in nb.cells:
        if isinstance(cell.metadata.get("nbgrader"), dict) and is_grade(cell):
            question = str(cell.metadata["nbgrader"]["grade_id"]).removesuffix("_test")
            points[question] = points.get(question, 0.0) + (_earned(cell) or 0.0)
    outputs = json.dumps([cell.get("outputs", []) for cell in nb.cells], ensure_ascii=False)
    return Control({key: value for key, value in points.items() if value}, outputs, run)


def _earned(cell: Any) -> float | None:
    from nbgrader.utils import determine_grade

    try:
        earned: float | None = determine_grade(cell)[0]
    except (TypeError, ValueError):
        return None  # points that are none
    return earned
