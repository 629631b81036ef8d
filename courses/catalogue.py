"""The catalogue: a folder of tracks and courses read into values, or refused with everything that is wrong with it.

    <root>/<track>/track.yaml
    <root>/<track>/<course>/course.yaml
    <root>/<track>/<course>/source/<assignment>/*.ipynb    so a course's folder is an nbgrader course directory

A folder's name is the key of what is in it; names that start with "." or "_" are passed over. Nothing is run here, and
nothing written: whether a reference solution earns its points is for the release to check.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from courses.documents import of_file, read_document
from courses.keys import COURSE, TRACK
from courses.kinds import NAME
from courses.model import Assignment, AttemptPolicy, Catalogue, Course, LatePolicy, Text, Track
from courses.notebooks import notebook_points
from courses.problems import CatalogueError, Problem, Refusal, shown
from courses.sections import Section, read_section

__all__ = ["CatalogueError", "Problem", "load_catalogue"]

CONTENT = Path(__file__).parent / "content"


def load_catalogue(root: Path = CONTENT) -> Catalogue:
    """The catalogue below `root`. CatalogueError, with all problems, if any file or folder breaks a rule."""
    reader = _Reader(root)
    tracks = tuple(track for folder in _folders(root) if (track := reader.track(folder)))
    if not tracks and not reader.problems:
        fix = Text(
            "<track>/track.yaml을 만들거나 다른 폴더를 고르세요", "add <track>/track.yaml, or name another folder"
        )
        rule = Text("과정(track)이 하나 이상 있어야 합니다", "must hold at least one track")
        reader.report(Problem(str(root), "", None, rule, fix))
    if reader.problems:
        raise CatalogueError(reader.problems)
    return Catalogue(tracks)


class _Reader:
    """Reads folders into values and gathers problems on the way. A value with a problem in it becomes None."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []

    def report(self, problem: Problem) -> None:
        self.problems.append(problem)

    def track(self, folder: Path) -> Track | None:
        values = self._document(folder / "track.yaml", TRACK)
        self._folder_name(folder)
        if values is None or "courses" not in values:
            return None
        file = self._name(folder / "track.yaml")
        named = [name for _, name in values["courses"]]
        self._repeated(file, [(f"courses[{number}]", name) for number, name in values["courses"]])
        self._both_ways(file, "courses", named, _folders(folder))
        courses = [self.course(folder / name, folder.name) for name in dict.fromkeys(named) if (folder / name).is_dir()]
        if self.problems:
            return None
        return Track(folder.name, values["title"], values["summary"], tuple(course for course in courses if course))

    def course(self, folder: Path, track: str) -> Course | None:
        file = self._name(folder / "course.yaml")
        values = self._document(folder / "course.yaml", COURSE)
        if values is None or "assignments" not in values:
            return None
        entries: list[tuple[int, dict[str, Any]]] = values["assignments"]
        self._repeated(file, [(f"assignments[{n}].key", entry["key"]) for n, entry in entries if "key" in entry])
        self._due_order(file, entries)
        source = folder / "source"
        named = [entry["key"] for _, entry in entries if "key" in entry]
        self._both_ways(file, "assignments", named, _folders(source))
        for number, entry in entries:
            if "key" in entry and (source / entry["key"]).is_dir():
                self._notebooks(file, f"assignments[{number}]", source / entry["key"], entry.get("points"))
        if self.problems:
            return None
        return Course(
            key=folder.name,
            track=track,
            title=values["title"],
            summary=values["summary"],
            hours=values["hours"],
            hardware=values["hardware"],
            assignments=tuple(_assignment(entry, values, source) for _, entry in entries),
            path=folder,
        )

    def _document(self, path: Path, section: Section) -> dict[str, Any] | None:
        file = self._name(path)
        if not path.is_file():
            rule = Text(f"{path.name} 파일이 있어야 합니다", f"must exist: every such folder has a {path.name}")
            fix = Text(
                "파일을 만들거나, 폴더 이름을 '_'로 시작하게 바꾸세요", "write it, or start the folder's name with '_'"
            )
            self.report(Problem(file, "", None, rule, fix))
            return None
        try:
            document = read_document(path)
        except Refusal as refusal:
            self.report(of_file(file, refusal))
            return None
        return read_section(section, document, file, self.report)

    def _folder_name(self, folder: Path) -> None:
        try:
            NAME.read(folder.name)
        except Refusal as refusal:
            self.report(Problem(self._name(folder), "", shown(folder.name), refusal.rule, refusal.fix))

    def _repeated(self, file: str, named: list[tuple[str, str]]) -> None:
        seen: dict[str, str] = {}
        for where, name in named:
            if name in seen:
                rule = Text(
                    f"두 번 쓸 수 없습니다: {seen[name]}에 이미 있습니다",
                    f"must be unique: {seen[name]} has it already",
                )
                fix = Text("하나를 지우거나 이름을 바꾸세요", "remove one, or rename it")
                self.report(Problem(file, where, shown(name), rule, fix))
            seen.setdefault(name, where)

    def _both_ways(self, file: str, key: str, named: list[str], folders: list[Path]) -> None:
        """What is named has a folder, and what has a folder is named."""
        beside = (self.root / file).parent / ("source" if key == "assignments" else ".")
        there = {folder.name for folder in folders}
        for name in dict.fromkeys(named):
            if name not in there:
                missing = self._name(beside / name)
                rule = Text(f"{missing} 폴더가 있어야 합니다", f"must have its folder {missing}")
                fix = Text("폴더를 만들거나 이름을 고치세요", "make the folder, or correct the name")
                self.report(Problem(file, key, shown(name), rule, fix))
        for name in sorted(there - set(named)):
            rule = Text(f"{self._name(beside / name)} 폴더가 목록에 없습니다", f"must list {self._name(beside / name)}")
            fix = Text(
                "목록에 넣거나, 폴더 이름을 '_'로 시작하게 바꾸세요", "list it, or start the folder's name with '_'"
            )
            self.report(Problem(file, key, shown(named), rule, fix))

    def _due_order(self, file: str, entries: list[tuple[int, dict[str, Any]]]) -> None:
        dated = [
            (n, entry["due_days"], entry["due_time"]) for n, entry in entries if {"due_days", "due_time"} <= set(entry)
        ]
        for (before, *earlier), (number, *later) in pairwise(dated):
            if later < earlier:
                rule = Text(
                    f"assignments[{before}]보다 먼저 마감될 수 없습니다",
                    f"must not be due before assignments[{before}]",
                )
                fix = Text(
                    "마감을 늦추거나 과제의 순서를 바꾸세요",
                    "make it due later, or change the order of the assignments",
                )
                value = f"{later[0]} days, {later[1]:%H:%M}"
                self.report(Problem(file, f"assignments[{number}].due_days", value, rule, fix))

    def _notebooks(self, file: str, where: str, source: Path, points: float | None) -> None:
        paths = sorted(source.glob("*.ipynb"))
        if not paths:
            rule = Text(
                f"{self._name(source)}에 노트북이 있어야 합니다", f"must have a notebook in {self._name(source)}"
            )
            fix = Text(".ipynb 파일을 하나 이상 넣으세요", "put at least one .ipynb file there")
            self.report(Problem(file, f"{where}.key", shown(source.name), rule, fix))
            return
        total = 0.0
        for path in paths:
            try:
                total += notebook_points(path)
            except Refusal as refusal:
                self.report(of_file(self._name(path), refusal))
                return
        if points is not None and abs(total - points) > 1e-9:
            rule = Text(
                f"노트북의 배점 합계인 {total:g}이어야 합니다", f"must be {total:g}, the sum of the notebooks' points"
            )
            fix = Text(
                f"points: {total:g}(으)로 쓰거나 셀의 배점을 고치세요", f"write points: {total:g}, or mend the cells"
            )
            self.report(Problem(file, f"{where}.points", f"{points:g}", rule, fix))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _assignment(entry: dict[str, Any], course: dict[str, Any], source: Path) -> Assignment:
    """What an assignment says of hardware and image goes before what its course says."""
    policy = AttemptPolicy(**entry["attempts"])
    late = LatePolicy(**entry["late"])
    inherited = {name: entry[name] or course[name] for name in ("hardware", "image")}
    own = {name: value for name, value in entry.items() if name not in ("attempts", "late")}
    return Assignment(**(own | inherited), attempts=policy, late=late, path=source / entry["key"])


def _folders(parent: Path) -> list[Path]:
    return list(_visible(parent)) if parent.is_dir() else []


def _visible(parent: Path) -> Iterator[Path]:
    for path in sorted(parent.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "_")):
            yield path
