"""What a side does all its life: run the cells it is told to, and, on the work side, answer the judge side's calls.

Owns no limit: the worker interrupts and kills from outside, where no code of a notebook can tamper with the clock.
A record bears the token of the command it answers, so that one made up by a cell can't pass for another cell's.
"""

from __future__ import annotations

import importlib
import select
import signal
import socket
from typing import TYPE_CHECKING, Any

from grader.judge.faults import LinkFault
from grader.sandbox import control

if TYPE_CHECKING:
    from grader.judge.judge import JudgeSide
    from grader.judge.work import WorkSide
    from grader.sandbox.shell import Shell


class Loop:
    """Serves one control channel; `judge` on the judge side, `work` with its end of the `link` on the work side."""

    def __init__(
        self,
        channel: socket.socket,
        shell: Shell,
        *,
        judge: JudgeSide | None = None,
        work: WorkSide | None = None,
        link: socket.socket | None = None,
    ) -> None:
        self.channel = channel
        self.shell = shell
        self.judge = judge
        self.work = work
        self.link = link

    def serve(self, until: str = "end") -> None:
        """Do what comes over the channel until the command `until`. Raises ChannelClosed."""
        while True:
            if self.link is not None and not self._command_waits():
                self._answer_judge()
                continue
            command = control.receive(self.channel)
            if command["op"] == until:
                return
            if command["op"] == "watch":  # it was imported before any fork, and can't be from now on
                watching = importlib.import_module("grader.watch.serving")
                watching.serve(self.channel, self.shell.shell, self.shell.run, command)
                return
            answer = self._run(command) if command["op"] == "run" else {}
            control.send(self.channel, {**answer, "token": command["token"]})

    def _command_waits(self) -> bool:
        """Wait for either; True when it is the channel, which goes first."""
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        poll.register(self.link, select.POLLIN)  # type: ignore[arg-type]
        return self.channel.fileno() in {handle for handle, _ in poll.poll()}

    def _answer_judge(self) -> None:
        assert self.work
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.work.serve_one()
        except LinkFault:
            self.link = None  # no judge side any more; cells may still be run
        except KeyboardInterrupt:
            pass  # it hit between the answer and here
        finally:
            signal.signal(signal.SIGINT, before)

    def _run(self, command: dict[str, Any]) -> dict[str, Any]:
        if self.judge is not None:
            self.judge.begin(command["context"])
        try:
            record = self.shell.run(
                command["cell"], command["source"], count=command["count"], hashed=command.get("hash")
            )
        except KeyboardInterrupt:  # it hit between the cell and here
            record = {"cell": command["cell"], "outputs": [], "execution_count": None, "timing": {}, "updates": {}}
        if self.judge is not None:
            record["evidence"] = self.judge.end()
        return record
