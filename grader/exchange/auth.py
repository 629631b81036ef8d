"""Which courses a student takes, asked of the portal. Changes nothing: who takes part is the roster's business."""

from __future__ import annotations

import os

from nbgrader.auth import BaseAuthPlugin

from grader.exchange.portal import Portal


class PortalAuthPlugin(BaseAuthPlugin):  # type: ignore[misc]
    """For `c.Authenticator.plugin_class`."""

    def get_student_courses(self, student_id: str) -> list[str]:
        """Courses of the person whose server this is (`*` or their name), or of a student whom they teach."""
        portal = Portal.from_environment(os.environ)
        with portal.client:
            about = {} if student_id in ("", "*", portal.username) else {"student": student_id}
            return [course["course_id"] for course in portal.get("courses", **about)["courses"]]

    def add_student_to_course(self, student_id: str, course_id: str) -> None:
        self._by_roster(student_id, course_id)

    def remove_student_from_course(self, student_id: str, course_id: str) -> None:
        self._by_roster(student_id, course_id)

    def _by_roster(self, student_id: str, course_id: str) -> None:
        self.log.warning(
            f"{student_id}의 {course_id} 수강은 바뀌지 않습니다. 수강생은 운영 사무실의 명단으로 정해집니다. / "
            f"Nothing changes for {student_id} in {course_id}: the programme office's roster decides who takes part."
        )
