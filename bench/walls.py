"""The walls around one stock marking: namespaces of its own, as the grader's sandbox makes them.

Owns what such a marking can see and take: a copy of its course folder, the interpreter and the system read-only, a
private /tmp and HOME, no network, an ordinary user, limits on memory, processes, disk and time. An attack on stock
nbgrader is measured in here, never outside.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.sandbox import private_root
from grader.sandbox.base import MIB, Limits, SandboxUnavailable
from grader.sandbox.execution import build_environment, build_limits, set_up_failed
from grader.sandbox.launch import Tree, run_tree
from grader.sandbox.namespaces import INNER_ID, OUTER_ID, explain, root_spec

MARKER = Path(__file__).with_name("stock_marker.py")
MARKER_INSIDE = "/.marker.py"
COURSE_INSIDE = private_root.WORK
CELL = 6  # seconds a cell may take
DEADLINE = 30.0  # seconds a command may take
MEMORY = 1024 * MIB  # beyond it the largest process is killed, as a machine that has no more would do
PLACES = {
    "PORT": "8081",
    "SOCKET": "/tmp/campus.sock",
    "ABSTRACT": "campus",
    "COURSE": COURSE_INSIDE,
    "PID": "3",  # nbgrader's own process: the first that the marker starts
    "CHECKOUT": "/nowhere",
}
LIMITS = Limits(
    wall=2.5 * DEADLINE, cell=None, memory=6 * MEMORY, processes=80, scratch=256 * MIB, file_size=256 * MIB,
    output=96 * MIB,
)  # fmt: skip


@dataclass(frozen=True)
class StockMarking:
    """What came of a marking by stock nbgrader.

    `status` maps "autograde" and "feedback" to how the command ended; `students` maps each to `scores` by cell, the
    `autograded` notebook and the feedback `page`. Both are empty if the marker was `lost`: what it was killed by.
    """

    status: Mapping[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    students: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lost: str = ""
    log: str = ""


def mark_with_stock(course: Path, assignment: str, notebook: str, students: list[str], token: str) -> StockMarking:
    """Mark what `students` handed in below `course`, whose folder is copied and stays as it is."""
    asked: dict[str, Any] = {"assignment": assignment, "notebook": notebook, "students": students}
    asked |= {"cell": CELL, "deadline": DEADLINE, "memory": MEMORY, "places": PLACES}
    root = root_spec(())
    spec = {
        **root,
        "mode": "namespaces",
        "program": [sys.executable, "-I", MARKER_INSIDE, json.dumps(asked)],
        "binds": [*root["binds"], {"source": str(MARKER), "target": MARKER_INSIDE}],
        "files": str(course.resolve()),
        "home": None,
        "uid": INNER_ID,
        "gid": INNER_ID,
        "outer_uid": OUTER_ID if os.geteuid() == 0 else None,
        "limits": build_limits(LIMITS) | {"address_space": 3 * MEMORY},
        "environment": build_environment(private_root.HOME, "/tmp", {"BITGOEUL_PORTAL_TOKEN": token}),
    }
    tree = run_tree(spec, b"", wall=LIMITS.wall, memory=LIMITS.memory, output=LIMITS.output)
    if set_up_failed(tree):
        raise SandboxUnavailable(*explain(tree))
    return _read(tree)


def _read(tree: Tree) -> StockMarking:
    log = tree.log.decode("utf-8", "replace")
    records = [json.loads(line) for line in tree.lines if line.startswith(b"{")]
    if not records:
        raise RuntimeError(f"stock nbgrader did not start: {log[-2000:]}")
    told = records[-1]
    if "students" in told:
        return StockMarking(told["status"], tuple(told["changed"]), told["students"], log=log)
    lost = "hung" if tree.timed_out else "memory" if tree.out_of_memory else f"exit {tree.code}"
    return StockMarking(lost=lost, log=log)
