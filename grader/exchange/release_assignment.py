"""`nbgrader release_assignment` and formgrader's Release: the student's files go to the portal as the next version."""

from __future__ import annotations

from pathlib import Path

from nbgrader.exchange.abc import ExchangeReleaseAssignment as ABCExchangeReleaseAssignment

from grader.exchange.exchange import Exchange
from grader.exchange.portal import place


class ExchangeReleaseAssignment(Exchange, ABCExchangeReleaseAssignment):  # type: ignore[misc]
    """Releasing again makes a further version and overwrites nothing, so `force` is not asked for."""

    def init_src(self) -> None:
        name, course = self.coursedir.assignment_id, self.coursedir
        self.src_path = Path(course.format_path(course.release_directory, ".", name))
        if not self.src_path.is_dir():
            source = Path(course.format_path(course.source_directory, ".", name))
            if source.is_dir():
                self.refuse(
                    f"'{source}'은(는) 있지만 '{self.src_path}'이(가) 없습니다. "
                    "먼저 `nbgrader generate_assignment`를 실행하세요.",
                    f"Assignment found in '{source}' but not '{self.src_path}', "
                    "run `nbgrader generate_assignment` first.",
                )
            self.refuse(
                f"배포할 과제가 없습니다: {self.src_path}", f"There is no assignment to release at: {self.src_path}"
            )

    def init_dest(self) -> None:
        self.course_id = self.require_course()

    def copy_files(self) -> None:
        name = self.coursedir.assignment_id
        with self.packed(self.src_path) as body:
            release = self.portal.upload("PUT", place(self.course_id, name, "release"), body, headers={}, params={})
        self.log.info(f"Released as: {self.course_id} {name} (v{release['version']})")
