"""What the worker holds of one side of a forked job. Owns no decision; `interpreters` takes them."""

from __future__ import annotations

import contextlib
import select
import signal

from grader.sandbox.base import Ending
from grader.sandbox.control import PatientChannel


class SideHandle:
    """One side: its channel, its first process (a pidfd), the cells it ran, and how it ended."""

    def __init__(self, channel: PatientChannel, process: int) -> None:
        self.channel = channel
        self.process = process
        self.ran: set[int] = set()
        self.ended: Ending | None = None

    def signal(self, number: int) -> None:
        """Send a signal to the side's first process, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process, number)

    def gone(self, within: float) -> bool:
        """Whether the process has ended, with all that it had started."""
        poll = select.poll()
        poll.register(self.process, select.POLLIN)
        return bool(poll.poll(within * 1000))
