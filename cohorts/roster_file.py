"""A roster as a spreadsheet writes it: bytes in, people and complaints out. Knows no database and changes nothing.

Cells are separated by comma, semicolon or tab; the header is Korean or English and may stand below a title.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cohorts.csv_text import DELIMITERS, Problem, Unreadable, clean, decode, records
from cohorts.errors import Invalid, TooLarge
from cohorts.models import Role
from cohorts.people import check_email, check_name, check_username

MAX_BYTES = 2 * 1024 * 1024
MAX_ROWS = 3000
MAX_CELL = 2000
HEADER_WITHIN = 10  # titles and dates stand above the header in many offices' sheets

COLUMNS = {
    "name": ("이름", "성명", "name", "fullname"),
    "username": ("아이디", "사용자명", "사용자id", "계정", "username", "userid", "user", "id", "login"),
    "email": ("이메일", "이메일주소", "전자우편", "메일", "email", "emailaddress", "mail"),
    "role": ("역할", "구분", "role"),
}
COLUMN_OF = {spelling: column for column, spellings in COLUMNS.items() for spelling in spellings}
ROLES = {
    Role.STUDENT: ("학생", "교육생", "훈련생", "수강생", "student", "trainee"),
    Role.ASSISTANT: ("조교", "assistant", "ta", "teachingassistant"),
    Role.INSTRUCTOR: ("강사", "교수", "instructor", "professor", "teacher"),
}
ROLE_OF = {spelling: role for role, spellings in ROLES.items() for spelling in spellings}


@dataclass(frozen=True)
class RosterRow:
    """A person in the file. `role` and `email` are None where the file leaves them open."""

    line: int
    username: str
    name: str
    email: str | None
    role: Role | None


@dataclass(frozen=True)
class Roster:
    """What a file says: `rows` that are right, `problems` of those that are not, and how it was read."""

    rows: tuple[RosterRow, ...]
    problems: tuple[Problem, ...]
    encoding: str
    delimiter: str = ","


def read_roster(data: bytes) -> Roster:
    """Read a roster; whatever is wrong with it stands in `problems`. Raises TooLarge above MAX_BYTES only."""
    if len(data) > MAX_BYTES:
        raise TooLarge(
            f"The roster has {len(data):,} bytes; at most {MAX_BYTES:,} are allowed. Does it hold anything but people?",
            f"명단 파일이 {len(data):,}바이트입니다. {MAX_BYTES:,}바이트까지 올릴 수 있습니다. 명단만 남겨 주세요.",
        )
    try:
        text, encoding = decode(data)
    except Unreadable as error:
        return Roster((), (error.problem,), "-")
    delimiter = _find_delimiter(text)
    rows, problems = _Reading(delimiter).read(text)
    return Roster(tuple(rows), tuple(problems), encoding, delimiter)


def _find_delimiter(text: str) -> str:
    """The delimiter under which one of the first lines names most of our columns; a comma when none does."""
    best, most = ",", 0
    for delimiter in DELIMITERS:
        try:
            for line, cells in records(text[:20_000], delimiter, strict=False):
                known = len(_named(cells))
                if known > most:
                    best, most = delimiter, known
                if line >= HEADER_WITHIN:
                    break
        except Unreadable:
            continue  # a cell without end: not with this delimiter
    return best


def _named(cells: list[str]) -> set[str]:
    """Which of our columns these cells name."""
    return {COLUMN_OF[_word(cell)] for cell in cells if _word(cell) in COLUMN_OF}


def _word(cell: str) -> str:
    """A header or role for comparing: full-width letters made plain; case, blanks, dashes, underscores don't matter."""
    plain = unicodedata.normalize("NFKC", clean(cell)).lower()
    return "".join(letter for letter in plain if not letter.isspace() and letter not in "-_*")


class _Reading:
    """One pass over a file; collects rows and problems."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.rows: list[RosterRow] = []
        self.problems: list[Problem] = []
        self.columns: dict[str, int] = {}
        self.width = 0
        self.seen: dict[str, int] = {}
        self.seen_emails: dict[str, int] = {}

    def read(self, text: str) -> tuple[list[RosterRow], list[Problem]]:
        try:
            self._read(records(text, self.delimiter))
        except Unreadable as error:
            self.problems.append(error.problem)
        return self.rows, sorted(self.problems, key=lambda problem: problem.line or 0)

    def _read(self, lines: Iterator[tuple[int, list[str]]]) -> None:
        if not self._find_header(lines):
            return
        people = 0
        for people, (line, cells) in enumerate(lines, start=1):
            if people > MAX_ROWS:
                self._complain(
                    line,
                    f"The roster has more than {MAX_ROWS:,} people; split it by cohort.",
                    f"명단이 {MAX_ROWS:,}명을 넘습니다. 기수별로 나누어 주세요.",
                )
                return
            self._take(line, cells)
        if not people:
            self._complain(
                None, "There is nobody in the file below the header.", "머리글 아래에 사람이 한 명도 없습니다."
            )

    def _complain(self, line: int | None, message: str, korean: str) -> None:
        self.problems.append(Problem(line, message, korean))

    def _find_header(self, lines: Iterator[tuple[int, list[str]]]) -> bool:
        """Find the line that names the columns; True when everything that is needed is there."""
        first: tuple[int, list[str]] | None = None
        for line, cells in lines:
            first = first or (line, cells)
            named = _named(cells)
            if "name" in named and named & {"username", "email"}:
                return self._take_header(line, cells)
            if line >= HEADER_WITHIN:
                break
        shown = ", ".join(first[1])[:120] if first else ""
        self._complain(
            first[0] if first else None,
            "No header was found. One line must name the columns 이름 (name) and 아이디 (username) or 이메일 (email); "
            f"the file starts with: {shown}",
            "머리글을 찾지 못했습니다. ‘이름’과 ‘아이디’ 또는 ‘이메일’ 열 이름이 있는 줄이 필요합니다. "
            f"파일의 첫 줄: {shown}",
        )
        return False

    def _take_header(self, line: int, cells: list[str]) -> bool:
        self.width = len(cells)
        for position, cell in enumerate(cells):
            column = COLUMN_OF.get(_word(cell))
            if column is None:
                continue
            if column in self.columns:
                earlier = cells[self.columns[column]]
                self._complain(
                    line,
                    f"The columns {earlier!r} and {cell!r} mean the same; keep one.",
                    f"{earlier!r} 열과 {cell!r} 열의 뜻이 같습니다. 하나만 남겨 주세요.",
                )
                return False
            self.columns[column] = position
        return True

    def _cell(self, cells: list[str], column: str) -> str:
        position = self.columns.get(column)
        return cells[position] if position is not None and position < len(cells) else ""

    def _take(self, line: int, cells: list[str]) -> None:
        """Read one person; every rule that the line breaks is reported, not only the first."""
        before = len(self.problems)
        if any(cells[self.width :]) or any(len(cell) > MAX_CELL for cell in cells):
            self._complain(
                line,
                f"The line has more cells than the header ({self.width}) or an overlong one; put cells that contain "
                "the separator in quotation marks.",
                f"머리글({self.width}칸)보다 칸이 많거나 너무 긴 칸이 있습니다. "
                "구분 기호가 든 칸은 따옴표로 묶어 주세요.",
            )
            return
        name = self._checked(line, check_name, self._cell(cells, "name"))
        email = self._checked(line, check_email, self._cell(cells, "email"))
        role = self._role(line, self._cell(cells, "role"))
        if "username" in self.columns:
            username = self._checked(line, check_username, self._cell(cells, "username"))
        elif email:
            username = self._checked(line, check_username, email)
        else:
            username = None
            if not self._cell(cells, "email"):
                self._complain(
                    line,
                    "The email is missing; without a username column it serves as the username.",
                    "이메일이 없습니다. 아이디 열이 없는 명단에서는 이메일을 아이디로 씁니다.",
                )
        if username:
            self._once(line, self.seen, username, "username", "아이디")
        if email and "username" in self.columns:
            self._once(line, self.seen_emails, email, "email", "이메일")
        if len(self.problems) == before and name and username:
            self.rows.append(RosterRow(line, username, name, email, role))

    def _checked(self, line: int, check: Callable[[str], str | None], text: str) -> str | None:
        try:
            return check(text)
        except Invalid as error:
            self._complain(line, error.message, error.korean)
            return None

    def _role(self, line: int, text: str) -> Role | None:
        if not text:
            return None
        role = ROLE_OF.get(_word(text))
        if role is None:
            self._complain(
                line,
                f"The role {text[:40]!r} is unknown; use 학생 (student), 조교 (assistant) or 강사 (instructor).",
                f"{text[:40]!r} 역할을 알 수 없습니다. 학생, 조교, 강사 가운데 하나를 쓰세요.",
            )
        return role

    def _once(self, line: int, seen: dict[str, int], value: str, noun: str, korean: str) -> None:
        earlier = seen.setdefault(value, line)
        if earlier != line:
            self._complain(
                line,
                f"The {noun} {value!r} stands on line {earlier} already; each person has one line.",
                f"{korean} {value!r}이(가) {earlier}번째 줄에 이미 있습니다. 한 사람은 한 줄에만 쓰세요.",
            )
