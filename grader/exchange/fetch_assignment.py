"""`nbgrader fetch_assignment` and the Fetch button: the student's files come whole and checked, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from nbgrader.exchange.abc import ExchangeFetchAssignment as ABCExchangeFetchAssignment

from grader.exchange.exchange import FEEDBACK, Exchange
from grader.exchange.portal import place


class ExchangeFetchAssignment(Exchange, ABCExchangeFetchAssignment):  # type: ignore[misc]
    """Refuses to touch a folder in which somebody may have worked, unless it is asked to replace missing files."""

    def init_src(self) -> None:
        self.course_id = self.require_course()
        self.assignment = self.released(self.course_id, self.coursedir.assignment_id)

    def init_dest(self) -> None:
        name = self.coursedir.assignment_id
        self.dest_path = self.folder(self.course_id, name)
        self.has_files = has_work(self.dest_path)
        if self.has_files and not self.replace_missing_files:
            shown = self.relative_folder(self.course_id, name)
            self.refuse(
                f"이미 받은 과제입니다: {shown}. 빠진 파일만 다시 받으려면 --replace를 쓰세요.",
                f"You already have a copy of the assignment in this directory: {shown}. "
                "Use --replace to get missing files again.",
            )

    def copy_files(self) -> None:
        name = self.coursedir.assignment_id
        with self.unpacked(place(self.course_id, name, "release"), self.dest_path) as (files, _):
            if self.has_files:
                self._add_missing(files)
            else:
                for path in files.iterdir():
                    if not (self.dest_path / path.name).exists():
                        self.dest_path.mkdir(exist_ok=True)
                        path.rename(self.dest_path / path.name)
        version, due = self.assignment["version"], self.due_label(self.assignment["due_text"])
        self.log.info(f"Fetched as: {self.course_id} {name} (v{version}) · {due}")

    def _add_missing(self, files: Path) -> None:
        for path in sorted(files.rglob("*")):
            target = self.dest_path / path.relative_to(files)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            elif not target.exists():
                self.log.warning(f"Replacing missing file '{path.relative_to(files)}'")
                shutil.copyfile(path, target)


def has_work(folder: Path) -> bool:
    """Whether an assignment lies in `folder`: fetched feedback alone makes none."""
    return folder.is_dir() and any(path.name != FEEDBACK for path in folder.iterdir())
