"""The judge side: test cells and locked cells run here, next to no line of a student's code.

Owns the beginning and the end of each such cell. What a cell sees of the other side, and what that side may ask in
return, is `judge_peer`'s.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from typing import Any

from grader.judge.given import GivenFiles
from grader.judge.judge_peer import JudgePeer
from grader.judge.kinds import known_kinds
from grader.judge.link import Link
from grader.judge.traces import hide_our_frames


def warm_up() -> None:
    """Load what both sides need for the libraries that are loaded."""
    known_kinds().meet(sys.modules)


class JudgeSide:
    """Call `begin` before a cell and `end` after it; the cell itself runs in the shell."""

    def __init__(self, link: socket.socket, shell: Any, files: GivenFiles | None = None) -> None:
        self._peer = JudgePeer(Link(link), shell, files)
        shell.use_namespace(self._peer.names)
        hide_our_frames()

    def begin(self, context: Mapping[str, Any] | None) -> None:
        """A cell begins. `context` is `Plan.context`'s; None knows nothing: every unknown name is the student's."""
        self._peer.begin(context or {})

    def end(self) -> dict[str, Any]:
        """The cell is over: tell the other side what changed, and return the evidence."""
        return self._peer.end()
