"""`nbgrader fetch_feedback` and the Fetch Feedback button: released feedback goes into feedback/<timestamp>/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeFetchFeedback as ABCExchangeFetchFeedback

from grader.exchange.exchange import FEEDBACK, Exchange
from grader.exchange.portal import place

MARK = ".sha256"


class ExchangeFetchFeedback(Exchange, ABCExchangeFetchFeedback):  # type: ignore[misc]
    """Fetches what is new or has changed, for each attempt at one assignment."""

    def init_src(self) -> None:
        self.course_id = self.require_course()
        self.require_own_name()
        self.src_path = place(self.course_id, self.coursedir.assignment_id)
        attempts: list[dict[str, Any]] = self.portal.get(f"{self.src_path}/attempts")["attempts"]
        self.ready = [attempt for attempt in attempts if attempt["feedback"]]
        if not self.ready:
            self.log.warning(
                self.portal.say(
                    f"{self.coursedir.assignment_id}에 공개된 피드백이 아직 없습니다.",
                    f"There is no released feedback for {self.coursedir.assignment_id} yet.",
                )
            )

    def init_dest(self) -> None:
        self.dest_path = self.folder(self.course_id, self.coursedir.assignment_id) / FEEDBACK

    def copy_files(self) -> None:
        for attempt in self.ready:
            target = self.dest_path / attempt["timestamp"]
            if fetched_feedback(target) == attempt["feedback"]["sha256"]:
                self.log.info(f"Already fetched: {target}")
                continue
            with self.unpacked(f"{self.src_path}/feedback/{attempt['id']}", target) as (files, digest):
                (files / MARK).write_text(digest)
                self.replace(files, target)
            self.log.info(f"Fetched feedback: {target}")


def fetched_feedback(folder: Path) -> str | None:
    """Which feedback lies in `folder`: its SHA-256, empty where that is not known, None where there is none."""
    if not any(folder.glob("*.html")):
        return None
    mark = folder / MARK
    return mark.read_text().strip() if mark.is_file() else ""
