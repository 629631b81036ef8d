"""Whether what students get shows what they must not see: hidden tests, mark schemes, solutions.

Owns the search through everything a release holds: sources, outputs, metadata and attachments of every notebook, other
files, archives among them. White space never matters. What a test cell shows openly is no secret.
"""

from __future__ import annotations

import ast
import base64
import binascii
import contextlib
import html
import io
import json
import tarfile
import textwrap
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from courses.model import Text
from grader.course_folder import plain_files
from grader.hidden import find_hidden
from grader.release_report import Level, Problem
from grader.sanitize import released_source
from grader.source import SourceCell, SourceNotebook

MARKERS = tuple(f"{edge} {what}" for edge in ("BEGIN", "END") for what in ("HIDDEN TESTS", "MARK SCHEME", "SOLUTION"))
SHORTEST_TEST = 12  # squashed characters that make a test recognisable
SHORTEST_LINE = 8
SHORTEST_SOLUTION = 16
MOST_INNER = 64 * 1024 * 1024  # of an archive inside the release
DEEPEST = 3


@dataclass(frozen=True)
class Secret:
    """Something of the instructor's. It shows where any of `tests` shows, or `enough` of `lines`; all are squashed."""

    notebook: str
    cell: str
    kind: str
    tests: tuple[str, ...]
    lines: tuple[str, ...] = ()
    enough: int = 2

    def shown_in(self, text: str) -> bool:
        """Whether the squashed `text` shows it."""
        if any(test in text for test in self.tests):
            return True
        return len(self.lines) >= self.enough and sum(line in text for line in self.lines) >= self.enough


def find_leaks(
    folder: Path, notebooks: Sequence[SourceNotebook], solutions: Mapping[tuple[str, str], tuple[str, str]]
) -> list[Problem]:
    """Where the student version in `folder` shows a secret of `notebooks`.

    `solutions` maps notebook and grade id of each answer to its source with the solution and as released.
    """
    secrets = [*_hidden_tests(notebooks), *_solutions(solutions)]
    found: dict[tuple[str, str, str], Problem] = {}
    for path in plain_files(folder):
        name = path.relative_to(folder).as_posix()
        for place, text in texts_of(name, path.read_bytes()):
            for marker in MARKERS:
                if marker in text:
                    problem = _marker(name, place, marker)
                    found.setdefault((problem.rule, problem.notebook, place), problem)
            forms = _forms(text)
            for secret in secrets:
                if any(secret.shown_in(form) for form in forms):
                    problem = _leak(secret, name, place)
                    found.setdefault((problem.rule, secret.notebook, secret.cell + place), problem)
    return list(found.values())


def texts_of(name: str, data: bytes, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every piece of text in a file, with the place it stands at (empty: the file itself)."""
    if name.endswith(".ipynb"):
        try:
            yield from _notebook_texts(json.loads(data))
            return
        except (ValueError, RecursionError):
            pass  # no notebook: read as any file
    if depth < DEEPEST:
        for inner, content in _members(name, data):
            for place, text in texts_of(inner, content, depth + 1):
                yield f"{inner} {place}".strip(), text
    yield "", data.decode("utf-8", "replace")


def _notebook_texts(nb: Any) -> Iterator[tuple[str, str]]:
    cells = nb.get("cells", []) if isinstance(nb, dict) else []
    rest = {key: value for key, value in nb.items() if key != "cells"} if isinstance(nb, dict) else nb
    for text in _strings(rest):
        yield "metadata", text
    for number, cell in enumerate(cells if isinstance(cells, list) else [], 1):
        if not isinstance(cell, dict):
            continue
        meta = cell.get("metadata")
        nbgrader = meta.get("nbgrader") if isinstance(meta, dict) else None
        key = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
        cell_name = key if isinstance(key, str) else f"#{number}"
        for part, value in cell.items():
            place = cell_name if part == "source" else f"{cell_name} ({part})"
            for text in _strings(value):
                yield place, text


def _strings(value: Any) -> Iterator[str]:
    """All text in a JSON value; a list of lines counts as one text, base64 is read as well."""
    if isinstance(value, str):
        yield value
        if len(value) >= SHORTEST_TEST and " " not in value.strip():
            with contextlib.suppress(binascii.Error, ValueError):
                yield base64.b64decode("".join(value.split()), validate=True).decode("utf-8")
    elif isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            yield from _strings("".join(value))
        else:
            for item in value:
                yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)


def _members(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Files inside an archive."""
    left = MOST_INNER
    try:
        if data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as bundle:
                for info in bundle.infolist():
                    left -= info.file_size
                    if not info.is_dir() and left >= 0:
                        yield f"{name}!{info.filename}", bundle.read(info)
        elif data[:2] in (b"\x1f\x8b", b"BZ", b"\xfd7") or data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                for member in tar:
                    left -= member.size
                    content = tar.extractfile(member) if member.isfile() and left >= 0 else None
                    if content is not None:
                        yield f"{name}!{member.name}", content.read()
    except (OSError, ValueError, RuntimeError, NotImplementedError, EOFError, tarfile.TarError, zipfile.BadZipFile):
        return


def _hidden_tests(notebooks: Sequence[SourceNotebook]) -> Iterator[Secret]:
    for notebook in notebooks:
        tests = [cell for cell in notebook.cells.values() if cell.grade and cell.locked]
        shown = "\n".join(released_source(cell) for cell in tests)
        given = {_squash(line) for line in shown.split("\n")}
        for cell in notebook.cells.values():
            hidden = find_hidden(cell.source)
            scheme = find_hidden(cell.source, "BEGIN MARK SCHEME", "END MARK SCHEME")
            for kind, regions in (("hidden-test", hidden), ("mark-scheme", scheme)):
                if regions:
                    rows = cell.source.split("\n")
                    text = "\n".join(rows[number - 1] for number in sorted(regions.numbers))
                    yield _secret(notebook.name, cell, kind, text, given, _squash(shown))


def _secret(notebook: str, cell: SourceCell, kind: str, text: str, given: set[str], shown: str) -> Secret:
    tests = {test for test in _tests_in(text) if test not in shown}
    rows = [line for line in text.split("\n") if not any(marker in line for marker in MARKERS)]
    telling = [line for row in rows if _tells(row) and (line := _squash(row)) not in given]
    lines = tuple(dict.fromkeys(line for line in telling if len(line) >= SHORTEST_LINE))
    if len(lines) == 1 and len(lines[0]) >= SHORTEST_SOLUTION:
        tests.add(lines[0])
    return Secret(notebook, cell.name, kind, tuple(sorted(tests)), lines, max(2, (len(lines) + 1) // 2))


def _tests_in(text: str) -> Iterator[str]:
    """What hidden code asserts, squashed: the conditions, and calls such as np.testing.assert_allclose(...)."""
    try:
        tree = ast.parse(source := textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError):
        rows = (row.strip() for row in text.split("\n"))
        yield from (_squash(row) for row in rows if row.startswith("assert") and len(_squash(row)) >= SHORTEST_TEST)
        return
    for node in ast.walk(tree):
        part: ast.AST | None = None
        if isinstance(node, ast.Assert):
            part = node.test
        elif isinstance(node, ast.Call) and "assert" in ast.unparse(node.func):
            part = node
        segment = _squash(ast.get_source_segment(source, part) or "") if part is not None else ""
        if len(segment) >= SHORTEST_TEST:
            yield segment
        elif isinstance(node, ast.Assert) and len(segment) + len("assert") >= SHORTEST_TEST:
            yield "assert" + segment


def _solutions(solutions: Mapping[tuple[str, str], tuple[str, str]]) -> Iterator[Secret]:
    for (notebook, key), (source, released) in solutions.items():
        given = {_squash(line) for line in released.split("\n")}
        for region in _regions(source, given):
            text = "".join(region)
            if len(text) >= SHORTEST_SOLUTION:
                yield Secret(notebook, key, "solution", (text,))


def _regions(source: str, given: set[str]) -> Iterator[list[str]]:
    """Runs of lines that only the reference solution has, squashed."""
    region: list[str] = []
    for row in source.split("\n"):
        line = _squash(row)
        marker = any(edge in row for edge in MARKERS)
        if not marker and line and line not in given and _tells(row):
            region.append(line)
        elif region and (marker or line in given) and line:
            yield region
            region = []
    if region:
        yield region


def _tells(row: str) -> bool:
    """Whether a line is the author's own: no comment, no import."""
    return bool(row.strip()) and not row.lstrip().startswith(("#", "import ", "from "))


def _forms(text: str) -> list[str]:
    """`text` squashed as it is, and without comments and imports; of markup also what it shows."""
    texts = [text, html.unescape(text)] if "&" in text else [text]
    bare = ["\n".join(row for row in form.split("\n") if _tells(row)) for form in texts]
    return [_squash(form) for form in dict.fromkeys(texts + bare)]


def _squash(text: str) -> str:
    return "".join(text.split())


def _marker(name: str, place: str, marker: str) -> Problem:
    return Problem(
        "marker-left",
        Level.REFUSED,
        name,
        place or None,
        Text(
            ko=f"학생용 파일에 nbgrader 표시 '{marker}'이(가) 남아 있습니다. 그 부분을 지우거나, 채점 셀로 만들거나, "
            "원본 폴더에서 파일을 빼세요.",
            en=f"nbgrader's mark '{marker}' is left in the student version. Remove that part, make it a graded cell, "
            "or take the file out of the source folder.",
        ),
    )


KINDS = {
    "hidden-test": Text(ko="숨은 테스트", en="hidden test"),
    "mark-scheme": Text(ko="채점 기준", en="mark scheme"),
    "solution": Text(ko="모범 답안", en="reference solution"),
}


def _leak(secret: Secret, name: str, place: str) -> Problem:
    kind = KINDS[secret.kind]
    at = name + (f", {place}" if place else "")
    return Problem(
        f"{secret.kind}-shows",
        Level.REFUSED,
        secret.notebook,
        secret.cell,
        Text(
            ko=f"이 셀의 {kind.ko} 내용이 학생용 파일({at})에 보입니다. 그곳에서 지우거나 다른 내용으로 바꾸세요.",
            en=f"This cell's {kind.en} shows in the student version ({at}). Remove it there, or change one of the two.",
        ),
    )
