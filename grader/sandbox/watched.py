"""The worker's end of an interpreter that is watched: what it is told to look out for, and what it has noticed.

Owns no judgement; `grader.guarding` takes it. What arrives is untrusted: bounded, and taken only with its token.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from grader.sandbox.base import Look, Side

WITHIN = 30.0
MOST = 500
LONGEST = 200


class Watched:
    """What a job that can be watched adds to its kind."""

    _alarm_token: str | None = None

    def _ask(self, side: Side, command: dict[str, Any], limit: float) -> tuple[dict[str, Any], bool]:
        raise NotImplementedError

    def watch(self, files: list[str], genuine: Mapping[str, tuple[str, str | None]]) -> None:
        """Watch the work side from now on; call it before the first cell (see base.Interpreters.watch)."""
        self._alarm_token = secrets.token_hex(16)
        self._alarms: set[str] = set()
        told = {name: list(place) for name, place in genuine.items()}
        command = {"op": "watch", "alarm": self._alarm_token, "files": files, "genuine": told}
        self._ask(Side.WORK, command, WITHIN)

    def look(self) -> Look:
        """What the watched side says of itself now."""
        answer, _ = self._ask(Side.WORK, {"op": "look"}, WITHIN)
        seen, result = answer.get("seen"), answer.get("result")
        texts = [text[:LONGEST] for text in seen[:MOST] if isinstance(text, str)] if isinstance(seen, list) else []
        return Look(
            seen=frozenset(texts),
            alarms=frozenset(self._alarms),
            ended=answer.get("ended") is True,
            result=result if isinstance(result, str) else None,
        )

    def hear(self, record: dict[str, Any] | None) -> None:
        """Take a message that is no answer: an alarm, if it bears the token."""
        if record is None or self._alarm_token is None or record.get("token") != self._alarm_token:
            return
        if isinstance(record.get("alarm"), str) and len(self._alarms) < MOST:
            self._alarms.add(record["alarm"][:LONGEST])
