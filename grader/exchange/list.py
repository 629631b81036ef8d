"""`nbgrader list` and the Assignment List: what is released, what is here, what was handed in, and by when."""

from __future__ import annotations

from fnmatch import fnmatch
from itertools import groupby
from typing import Any

from nbgrader.exchange.abc import ExchangeList as ABCExchangeList

from grader.exchange.exchange import FEEDBACK, Exchange
from grader.exchange.fetch_assignment import has_work
from grader.exchange.fetch_feedback import fetched_feedback
from grader.exchange.portal import place

Info = dict[str, Any]


class ExchangeList(Exchange, ABCExchangeList):  # type: ignore[misc]
    """Released assignments, own attempts (`cached`), everybody's (`inbound`, staff). Never removes an attempt."""

    def init_src(self) -> None:
        course = self.coursedir.course_id
        self.course_id = "" if course == "*" else course
        if self.remove and (self.inbound or self.cached):
            self.refuse(
                "제출물은 지울 수 없습니다. 배포된 과제만 --remove로 회수할 수 있습니다.",
                "Attempts are never removed. Only a released assignment can be taken back with --remove.",
            )

    def init_dest(self) -> None:
        pass

    def copy_files(self) -> None:
        pass

    def list_files(self) -> list[Info]:
        """The entries that the Assignment List and formgrader read, and a line in the log for each."""
        if self.inbound or self.cached:
            groups = self.submitted()
            self.log.info("Submitted assignments:")
            for group in groups:
                for info in group["submissions"]:
                    self.log.info(self.submission_line(info))
            return groups
        found = self.outbound()
        self.log.info("Released assignments:")
        for info in found:
            self.log.info(self.outbound_line(info))
        return found

    def remove_files(self) -> list[Info]:
        """Take the listed assignments back; staff only."""
        self.require_course()
        found = self.outbound()
        self.log.info("Removing released assignments:")
        for info in found:
            self.portal.delete(place(info["course_id"], info["assignment_id"], "release"))
            info["status"] = "removed"
            self.log.info(self.outbound_line(info))
        return found

    def outbound(self) -> list[Info]:
        """Released assignments, with `status` fetched where they lie in this home."""
        listed = self.portal.get("assignments", course_id=self.course_id)["assignments"]
        return [self.outbound_info(item) for item in listed if self._wanted(item["assignment_id"])]

    def outbound_info(self, item: Info) -> Info:
        folder = self.folder(item["course_id"], item["assignment_id"])
        fetched = has_work(folder)
        names = [path.name for path in folder.glob("*.ipynb")] if fetched else item["notebooks"]
        due = f"  ·  {self.due_label(item['due_text'])}" if item["due_text"] else ""
        return item | {
            "status": "fetched" if fetched else "released",
            "path": str(folder),
            # The Assignment List shows `notebook_id` and opens `path`: the place where a student sees the deadline.
            "notebooks": [
                {"notebook_id": name.removesuffix(".ipynb") + due, "path": str(folder / name)} for name in sorted(names)
            ],
        }

    def outbound_line(self, info: Info) -> str:
        line = f"{info['course_id']} {info['assignment_id']}"
        if info["status"] == "fetched":
            line += " (already downloaded)"
        line += f" · {self.due_label(info['due_text'])}"
        if info["closed"]:
            return line + self.portal.say(" (마감됨)", " (closed)", "")
        if percent := info.get("penalty_percent_now", 0):
            line += self.portal.say(f" (지금 내면 {percent:g} % 감점)", f" (handed in now: {percent:g} % off)", "")
        return line

    def submitted(self) -> list[Info]:
        """Attempts, grouped as nbgrader groups them: by course, student and assignment."""
        listed = self.portal.get("attempts", course_id=self.course_id, everybody=bool(self.inbound))["attempts"]
        wanted = [
            item
            for item in listed
            if self._wanted(item["assignment_id"]) and fnmatch(item["username"], self.coursedir.student_id or "*")
        ]
        wanted.sort(key=_group)
        return [
            {
                "course_id": course_id,
                "student_id": username,
                "assignment_id": assignment_id,
                "status": "submitted",
                "submissions": [self.submission_info(item) for item in items],
            }
            for (course_id, username, assignment_id), items in groupby(wanted, _group)
        ]

    def submission_info(self, item: Info) -> Info:
        folder = self.folder(item["course_id"], item["assignment_id"])
        local = folder / FEEDBACK / item["timestamp"]
        here = fetched_feedback(local)
        there = item["feedback"]["sha256"] if item["feedback"] else None
        number = item["attempt"]
        label = self.portal.when(item["received_text"])
        return item | {
            "student_id": item["username"],
            "status": "submitted",
            "path": str(folder),
            "timestamp": label
            + self.portal.say(f" · {number}번째 제출", f" · attempt {number}", "")
            + self.late_label(item),
            "notebooks": [],
            "has_local_feedback": here is not None,
            "has_exchange_feedback": there is not None,
            "feedback_updated": bool(here is not None and there is not None and here != there),
            "local_feedback_path": str(local) if here is not None else None,
        }

    def submission_line(self, info: Info) -> str:
        line = f"{info['course_id']} {info['student_id']} {info['assignment_id']} {info['timestamp']}"
        if info["has_local_feedback"] and not info["feedback_updated"]:
            return line + " (feedback already fetched)"
        return line + (
            " (feedback ready to be fetched)" if info["has_exchange_feedback"] else " (no feedback available)"
        )

    def _wanted(self, assignment_id: str) -> bool:
        return fnmatch(assignment_id, self.coursedir.assignment_id or "*")


def _group(item: Info) -> tuple[str, str, str]:
    return item["course_id"], item["username"], item["assignment_id"]
