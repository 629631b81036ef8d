"""`nbgrader submit` and the Submit button: the work goes to the portal, and a receipt comes back."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeSubmit as ABCExchangeSubmit
from nbgrader.utils import find_all_notebooks

from grader.exchange.exchange import Exchange
from grader.exchange.portal import place


class ExchangeSubmit(Exchange, ABCExchangeSubmit):  # type: ignore[misc]
    """Says "submitted" only when the portal has given a receipt. `receipt` is what it gave."""

    receipt: dict[str, Any] | None = None

    def init_src(self) -> None:
        self.course_id = self.require_course()
        self.require_own_name()
        self.src_path = self.folder(self.course_id, self.coursedir.assignment_id)
        self.coursedir.assignment_id = self.src_path.name
        if not self.src_path.is_dir():
            self.refuse(
                f"제출할 폴더가 없습니다: {self.src_path}. 먼저 과제를 받으세요.",
                f"Assignment not found at: {self.src_path}. Fetch it first.",
            )

    def init_dest(self) -> None:
        self.assignment = self.released(self.course_id, self.coursedir.assignment_id)
        self.check_notebooks(self.assignment["notebooks"], self.src_path)

    def check_notebooks(self, expected: list[str], folder: Path) -> None:
        """Warn of missing and additional notebooks; `strict` refuses missing ones."""
        found = find_all_notebooks(str(folder))
        missing = [name for name in expected if name not in found]
        extra = [name for name in found if name not in expected]
        if missing and self.strict:
            self.refuse(
                f"{self.coursedir.assignment_id}을(를) 제출하지 않았습니다. 빠진 노트북: {', '.join(missing)}",
                f"Assignment {self.coursedir.assignment_id} not submitted. There are missing notebooks: "
                f"{', '.join(missing)}",
            )
        if missing or extra:
            self.log.warning(
                self.portal.say(
                    f"빠진 노트북: {', '.join(missing) or '-'} · 추가된 노트북: {', '.join(extra) or '-'}",
                    f"Missing notebooks: {', '.join(missing) or '-'} · additional ones: {', '.join(extra) or '-'}",
                )
            )

    def copy_files(self) -> None:
        name = self.coursedir.assignment_id
        with self.packed(self.src_path) as body:
            receipt: dict[str, Any] = self.portal.upload(
                "POST",
                place(self.course_id, name, "attempts"),
                body,
                headers={"Idempotency-Key": uuid.uuid4().hex},
                params={},
            )
        self.receipt = receipt
        self.log.info(f"Submitted as: {self.course_id} {name} {receipt['timestamp']}")
        number, when, digest = receipt["attempt"], self.portal.when(receipt["received_text"]), receipt["sha256"][:12]
        rest = f"{when}, SHA-256 {digest}… · {self.due_label(receipt['due_text'])}{self.late_label(receipt)}"
        self.log.info(self.portal.say(f"접수증: {number}번째 제출, {rest}", f"Receipt: attempt {number}, {rest}"))
