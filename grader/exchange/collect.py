"""`nbgrader collect`: attempts come from the portal into submitted/<student>/<assignment>/, with their timestamp."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeCollect as ABCExchangeCollect
from nbgrader.utils import parse_utc

from grader.exchange.exchange import Exchange
from grader.exchange.portal import PortalError, place

Attempt = dict[str, Any]


class ExchangeCollect(Exchange, ABCExchangeCollect):  # type: ignore[misc]
    """Collects each student's latest attempt; with `before_duedate` the latest in time, where there is one."""

    def init_src(self) -> None:
        self.course_id = self.require_course()
        self.src_path = place(self.course_id, self.coursedir.assignment_id, "attempts")
        excluded = set(self.coursedir.student_id_exclude.split(","))
        attempts = [
            attempt
            for attempt in self.portal.get(self.src_path)["attempts"]
            if fnmatch(attempt["username"], self.coursedir.student_id or "*") and attempt["username"] not in excluded
        ]
        attempts.sort(key=lambda attempt: (attempt["username"], attempt["attempt"]))
        self.chosen = [self.choose(list(own)) for _, own in groupby(attempts, lambda attempt: attempt["username"])]

    def choose(self, attempts: list[Attempt]) -> Attempt:
        """Of one student's attempts, oldest first, the one to grade."""
        in_time = [attempt for attempt in attempts if not attempt["late"]]
        return in_time[-1] if self.before_duedate and in_time else attempts[-1]

    def init_dest(self) -> None:
        pass

    def copy_files(self) -> None:
        name = self.coursedir.assignment_id
        if not self.chosen:
            self.log.warning(f"No submissions of '{name}' for course '{self.course_id}' to collect")
        else:
            self.log.info(f"Processing {len(self.chosen)} submissions of '{name}' for course '{self.course_id}'")
        for attempt in self.chosen:
            self.collect(attempt)

    def collect(self, attempt: Attempt) -> None:
        """Copy `attempt` unless what is there already is as new."""
        student, name = attempt["username"], self.coursedir.assignment_id
        target = Path(self.coursedir.format_path(self.coursedir.submitted_directory, student, name))
        if target.is_dir():
            there, new = self.coursedir.get_existing_timestamp(str(target)), parse_utc(attempt["timestamp"])
            newer = self.update and (there is None or new > there)
            if not newer and not (self.before_duedate and there != new):
                hint = "No newer submission to collect" if self.update else "Submission already exists, use --update"
                self.log.info(f"{hint}: {student} {name}")
                return
            self.log.info(f"Updating submission: {student} {name}")
        else:
            self.log.info(f"Collecting submission: {student} {name}")
        with self.unpacked(f"{self.src_path}/{attempt['id']}/files", target) as (files, digest):
            if digest != attempt["sha256"]:
                raise PortalError(
                    self.portal.say(
                        f"{student}의 파일이 접수증과 다릅니다 (SHA-256). 수집하지 않았습니다.",
                        f"The files of {student} differ from their receipt (SHA-256). They were not collected.",
                    )
                )
            (files / "timestamp.txt").write_text(attempt["timestamp"])
            if self.coursedir.groupshared:
                share_with_group(files)
            self.replace(files, target)


def share_with_group(folder: Path) -> None:
    """Let the group of the course read and write, as nbgrader's `groupshared` asks."""
    for name, _, files in os.walk(folder):
        os.chmod(name, 0o2770)
        for file in files:
            os.chmod(os.path.join(name, file), 0o660)
