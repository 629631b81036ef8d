"""`nbgrader release_feedback` and formgrader's Release Feedback: each student's HTML goes to the portal."""

from __future__ import annotations

from glob import glob
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange.abc import ExchangeReleaseFeedback as ABCExchangeReleaseFeedback

from grader.exchange.exchange import Exchange
from grader.exchange.portal import PortalError, place


class ExchangeReleaseFeedback(Exchange, ABCExchangeReleaseFeedback):  # type: ignore[misc]
    """Sends feedback with the score that the gradebook has; one student's refusal does not keep it from the others."""

    def init_src(self) -> None:
        course = self.coursedir
        pattern = course.format_path(course.feedback_directory, course.student_id or "*", course.assignment_id)
        found = [Path(name) for name in sorted(glob(pattern))]
        self.folders = {self.student_of(folder): folder for folder in found if any(folder.glob("*.html"))}
        for student in course.student_id_exclude.split(","):
            self.folders.pop(student, None)

    def init_dest(self) -> None:
        self.course_id = self.require_course()

    def student_of(self, folder: Path) -> str:
        """The student whose feedback lies in `folder`: where the course's directory structure has {student_id}."""
        parts = Path(self.coursedir.format_path("feedback", "{}", "assignment")).parts
        return folder.parts[parts.index("{}")]

    def copy_files(self) -> None:
        if not self.folders:
            self.log.warning(
                self.portal.say(
                    "공개할 피드백이 없습니다. 먼저 `nbgrader generate_feedback`을 실행하세요.",
                    "There is no feedback to release. Run `nbgrader generate_feedback` first.",
                )
            )
        refused = []
        for student, folder in self.folders.items():
            try:
                self.release(student, folder)
            except PortalError as problem:
                self.log.error(f"{student}: {problem}")
                refused.append(student)
        if refused:
            self.refuse(
                f"피드백을 공개하지 못한 학생: {', '.join(refused)}",
                f"Feedback was not released for: {', '.join(refused)}",
            )

    def release(self, student: str, folder: Path) -> None:
        """Send the HTML of one student."""
        name = self.coursedir.assignment_id
        params = self.score(student)
        written = folder / "timestamp.txt"
        if written.is_file() and (text := written.read_text().strip()):
            params["timestamp"] = text
        with self.packed(folder, include=("*.html",)) as body:
            self.portal.upload("PUT", place(self.course_id, name, "feedback", student), body, headers={}, params=params)
        self.log.info(f"Feedback released for student '{student}' on assignment '{self.course_id}/{name}'")

    def score(self, student: str) -> dict[str, Any]:
        """What the gradebook says of the submission; nothing where it has none."""
        with Gradebook(self.coursedir.db_url, self.course_id) as gradebook:
            try:
                found = gradebook.find_submission(self.coursedir.assignment_id, student)
            except MissingEntry:
                return {}
            return {
                "score": found.score,
                "max_score": found.max_score,
                "needs_manual": bool(found.needs_manual_grade),
            }
