"""What all exchange classes share: the portal, where assignments lie in a home, refusals, packing and unpacking."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from nbgrader.exchange.abc import Exchange as ABCExchange
from traitlets import Bool

from grader.exchange import tarball
from grader.exchange.archive_rules import LIMITS, MEBIBYTE, ArchiveError
from grader.exchange.portal import Portal, PortalError

FEEDBACK = "feedback"


class Exchange(ABCExchange):  # type: ignore[misc]
    """nbgrader's exchange, with the campus's portal in the place of a shared folder."""

    path_includes_course = Bool(
        False,
        help="Whether assignments lie in ./<course>/<assignment> instead of ./<assignment>; "
        "needed where a learner takes several courses in one home.",
    ).tag(config=True)

    _portal: Portal | None = None

    @property
    def portal(self) -> Portal:
        """The portal that this server belongs to."""
        if self._portal is None:
            self._portal = Portal.from_environment(os.environ)
        return self._portal

    def start(self) -> Any:
        """What nbgrader calls; whatever the portal or an archive refuses becomes an ExchangeError with its sentence."""
        try:
            return super().start()
        except PortalError as problem:
            self.fail(str(problem))
        except ArchiveError as problem:
            self.refuse(problem.korean, problem.message)
        finally:
            if self._portal is not None:
                self._portal.client.close()
                self._portal = None

    def refuse(self, korean: str, english: str) -> NoReturn:
        """Stop, with a sentence in the person's language."""
        self.fail(self.portal.say(korean, english))
        raise AssertionError("fail() raises")

    def require_course(self) -> str:
        """The course that this is about."""
        if not self.coursedir.course_id:
            self.refuse(
                "과목이 지정되지 않았습니다. --course로 지정하세요.", "No course is given. Name it with --course."
            )
        return str(self.coursedir.course_id)

    def require_own_name(self) -> None:
        """Refuse to act for somebody else: who hands in or fetches is who the server belongs to."""
        wanted = self.coursedir.student_id
        if wanted not in ("", "*", self.portal.username):
            self.refuse(
                f"이 서버는 {self.portal.username}의 것입니다. --student {wanted} 없이 실행하세요.",
                f"This server belongs to {self.portal.username}. Run it without --student {wanted}.",
            )

    def relative_folder(self, course_id: str, assignment_id: str) -> str:
        return os.path.join(course_id, assignment_id) if self.path_includes_course else assignment_id

    def folder(self, course_id: str, assignment_id: str) -> Path:
        """Where an assignment lies, or would, in this home."""
        return Path(os.path.abspath(os.path.join(self.assignment_dir, self.relative_folder(course_id, assignment_id))))

    def due_label(self, texts: Mapping[str, str] | None) -> str:
        """`마감 2026-03-20 (금) 18:00 KST`, or that there is no deadline."""
        if texts is None:
            return self.portal.say("마감 없음", "no deadline", " · ")
        return self.portal.say("마감", "due", " · ") + " " + self.portal.when(texts)

    def late_label(self, item: Mapping[str, Any]) -> str:
        """` · 2일 늦음, 20 % 감점` for an attempt or receipt that is late, else nothing."""
        days, percent = item.get("days_late", 0), item.get("penalty_percent", 0)
        if not days:
            return ""
        plural = "" if days == 1 else "s"
        return self.portal.say(
            f" · {days}일 늦음" + (f", {percent:g} % 감점" if percent else ""),
            f" · {days} day{plural} late" + (f", {percent:g} % off" if percent else ""),
            "",
        )

    def released(self, course_id: str, assignment_id: str) -> dict[str, Any]:
        """What the portal says of a released assignment."""
        listed: list[dict[str, Any]] = self.portal.get("assignments", course_id=course_id)["assignments"]
        for assignment in listed:
            if assignment["assignment_id"] == assignment_id:
                return assignment
        names = ", ".join(assignment["assignment_id"] for assignment in listed) or "-"
        self.refuse(
            f"{course_id}에 배포된 과제 '{assignment_id}'이(가) 없습니다. 배포된 과제: {names}",
            f"{course_id} has no released assignment '{assignment_id}'. Released: {names}",
        )

    @contextmanager
    def packed(self, folder: Path, *, include: tuple[str, ...] = ("*",)) -> Iterator[IO[bytes]]:
        """The files of `folder` as a gzipped tar in a temporary file, without what nbgrader is told to ignore."""

        def skipped(name: str) -> None:
            self.log.warning(
                self.portal.say(
                    f"'{name}'은(는) 링크나 특수 파일이라 빠집니다.", f"'{name}' is a link or special file: left out."
                )
            )

        with tempfile.TemporaryFile() as file:
            tarball.pack(folder, file, ignore=self.coursedir.ignore, include=include, on_skip=skipped)
            if file.tell() > LIMITS.packed_bytes:
                most = LIMITS.packed_bytes // MEBIBYTE
                self.refuse(
                    f"묶은 파일이 {most} MiB를 넘습니다. 과제에 필요 없는 파일을 지우세요.",
                    f"The packed files take more than {most} MiB. Remove what the work does not need.",
                )
            yield file

    @contextmanager
    def unpacked(self, path: str, beside: Path) -> Iterator[tuple[Path, str]]:
        """The archive at `path` of the portal unpacked in a new folder next to `beside`, and its SHA-256."""
        beside.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bitgoeul-", dir=beside.parent) as arriving:
            bundle, folder = Path(arriving, "bundle"), Path(arriving, "files")
            digest = self.portal.download(path, bundle)
            with bundle.open("rb") as archive:
                tarball.unpack(archive, folder)
            yield folder, digest

    def replace(self, new: Path, target: Path) -> None:
        """Put folder `new` in the place of `target`."""
        if target.exists():
            shutil.rmtree(target)
        new.rename(target)
