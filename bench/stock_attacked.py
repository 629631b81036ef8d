"""Stock nbgrader under attack: a real course, `nbgrader autograde` and `generate_feedback`, an attacker's submission.

Owns what is counted as a theft there: points in the gradebook above those of the same notebook with plain wrong
answers, and what the attack carried out, changed or broke. Runs every marking inside `walls`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import attacked
from bench.attacked import ASSIGNMENT, NOTEBOOK, TOKEN, Attack, World
from bench.coursework import environment
from bench.seen import Seen, active_parts, carried_out, printed_breaches
from bench.walls import PLACES, StockMarking, mark_with_stock

ATTACKER, NEXT = "mallory", "nari"  # nbgrader marks in the order of names


class StockUnderAttack:
    """A course folder to copy for each attack: assignment made, another student's work marked."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = replace(world, places=attacked.placed_names(PLACES.items()), scratch=folder / "handed-in")
        self.course = folder / "course"
        attacked.make_course(self.course)
        attacked.hand_in_others_work(self.course)
        self._nbgrader("generate_assignment")
        self._nbgrader("autograde")
        self.honest = self.mark(self.notebook(attacked.RIGHT), {})
        self.wrong = self.mark(self.notebook(attacked.WRONG), {})

    def _nbgrader(self, command: str) -> None:
        """Before anything hostile is in the course."""
        subprocess.run(
            [sys.executable, "-m", "nbgrader", command, ASSIGNMENT],
            cwd=self.course,
            env=environment(self.course),
            check=True,
            capture_output=True,
        )

    @staticmethod
    def notebook(answers: dict[str, str]) -> bytes:
        return json.dumps(attacked.released_notebook(answers), ensure_ascii=False).encode()

    def mark(self, notebook: bytes, files: Mapping[str, bytes], followed: bool = False) -> StockMarking:
        """Mark one student's submission, and an honest student's after it if `followed`."""
        with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder:
            course = Path(folder) / "course"
            shutil.copytree(self.course, course)
            own = {f"{NOTEBOOK}.ipynb": notebook, **files}
            for name, content in own.items():
                self._hand_in(course, ATTACKER, name, content)
            if followed:
                self._hand_in(course, NEXT, f"{NOTEBOOK}.ipynb", neighbours_notebook())
            students = [ATTACKER, NEXT] if followed else [ATTACKER]
            return mark_with_stock(course, ASSIGNMENT, NOTEBOOK, students, TOKEN)

    @staticmethod
    def _hand_in(course: Path, student: str, name: str, content: bytes) -> None:
        path = course / "submitted" / student / ASSIGNMENT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def attack(self, attack: Attack, followed: bool) -> Seen:
        """Try one attack, and look."""
        given = self.world.folder(attack.name, attack.files)
        files = {str(path.relative_to(given)): path.read_bytes() for path in given.rglob("*") if path.is_file()}
        return self.look(self.mark(self.world.submission(attack), files, followed), attack, followed)

    def look(self, marking: StockMarking, attack: Attack, followed: bool) -> Seen:
        """What can be seen of a marking."""
        if marking.lost:
            others = ("not marked",) if followed else ()
            return Seen(others=others, stopped="hung" if marking.lost == "hung" else f"killed ({marking.lost})")
        told = marking.students[ATTACKER]
        cells = cells_of(told["autograded"])
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        return Seen(
            points=max(0.0, score(marking) - score(self.wrong)),
            hidden=tuple(attacked.leaked(attacked.secrets_of(attack), carried_out(cells))),
            read=printed_breaches(outputs),
            page=active_parts(page_of(marking)),
            changed=marking.changed,
            others=suffered(marking) if followed else (),
            stopped=stopped(marking),
            note="not marked" if not cells else "" if told["page"] else "no feedback",
        )


def neighbours_notebook() -> bytes:
    """An honest student's, which also looks for what an earlier submission may have left."""
    nb = attacked.released_notebook(attacked.RIGHT)
    nb["cells"].insert(1, attacked.code(attacked.LOOK_AROUND) | {"id": "look-around"})
    return json.dumps(nb, ensure_ascii=False).encode()


def score(marking: StockMarking) -> float:
    """The attacker's points in the gradebook."""
    return float(sum(marking.students[ATTACKER]["scores"].values()))


def page_of(marking: StockMarking) -> str:
    """The attacker's feedback page, empty where there is none."""
    return marking.students[ATTACKER]["page"] or ""


def stopped(marking: StockMarking) -> str:
    """How nbgrader's commands ended, "" where they ended by themselves."""
    ends = {name: status for name, status in marking.status.items() if not status.isdigit()}
    return ", ".join(
        f"{'hung' if status == 'hung' else 'killed'} ({name if status == 'hung' else status})"
        for name, status in ends.items()
    )


def suffered(marking: StockMarking) -> tuple[str, ...]:
    """What happened to the honest student who was marked next."""
    told = marking.students[NEXT]
    points = sum(told["scores"].values())
    cells = cells_of(told["autograded"])
    if not cells:
        return ("not marked",)
    found = [f"{points:g} of {attacked.EVERYTHING:g} points"] if points != attacked.EVERYTHING else []
    found += ["traces found"] if printed_breaches([o for cell in cells for o in cell.get("outputs", [])]) else []
    return tuple(found)


def cells_of(text: str | None) -> list[dict[str, Any]]:
    """The cells of a notebook that nbgrader wrote; none where it wrote none that can be read."""
    try:
        cells = json.loads(text or "{}").get("cells", [])
    except (ValueError, RecursionError):
        return []
    return [cell for cell in cells if isinstance(cell, dict)]
