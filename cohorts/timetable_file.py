"""A timetable as a spreadsheet writes it: bytes in, classes and complaints out. Knows no database.

Columns are date, start, end, title, and if wanted hardware and seats, with Korean or English headings. Of hardware it
knows only the spellings that it is given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from cohorts.csv_text import DELIMITERS, Problem, Unreadable, clean, decode, records

MAX_BYTES = 512 * 1024
MAX_ROWS = 2000
HEADER_WITHIN = 10
YEARS = range(2000, 2200)

COLUMNS = {
    "date": ("날짜", "일자", "수업일", "date", "day"),
    "start": ("시작", "시작시각", "시작시간", "start", "starts", "from", "begin"),
    "end": ("끝", "종료", "종료시각", "종료시간", "end", "ends", "to", "until"),
    "title": ("수업", "수업명", "제목", "이름", "내용", "title", "class", "name"),
    "hardware": ("장비", "하드웨어", "gpu", "hardware", "profile"),
    "seats": ("자리", "자리수", "좌석", "인원", "seats"),
}
COLUMN_OF = {spelling: column for column, spellings in COLUMNS.items() for spelling in spellings}
NEEDED = ("date", "start", "end", "title")
NOTHING = ("", "-", "–", "없음", "none", "no")
EVERYBODY = ("", "-", "–", "전체", "모두", "all")


@dataclass(frozen=True)
class TimetableRow:
    """A class in the file. `profile` is the hardware to keep, None for none; `seats` None for every student."""

    line: int
    title: str
    starts_at: datetime
    ends_at: datetime
    profile: str | None
    seats: int | None


@dataclass(frozen=True)
class Timetable:
    """What a file says: `rows` that are right, `problems` of those that are not."""

    rows: tuple[TimetableRow, ...]
    problems: tuple[Problem, ...]


def read_timetable(data: bytes, zone: str, hardware: Mapping[str, str]) -> Timetable:
    """Read a timetable whose times are in `zone`; `hardware` maps what people may write to the profile's name."""
    if len(data) > MAX_BYTES:
        problem = Problem(
            None,
            f"The file has more than {MAX_BYTES:,} bytes. Does it hold anything but classes?",
            f"파일이 {MAX_BYTES:,}바이트를 넘습니다. 수업만 남겨 주세요.",
        )
        return Timetable((), (problem,))
    try:
        text, _ = decode(data)
    except Unreadable as error:
        return Timetable((), (error.problem,))
    return _Reading(ZoneInfo(zone), {plain(name): value for name, value in hardware.items()}).read(text)


def plain(cell: str) -> str:
    """A word for comparing: full-width letters made plain; case, blanks, dashes, underscores don't matter."""
    text = unicodedata.normalize("NFKC", clean(cell)).lower()
    return text if text in ("-", "–") else "".join(c for c in text if not c.isspace() and c not in "-_*")


def read_date(text: str) -> date:
    """`2026-03-02`, `2026.3.2`, `2026/3/2`, `2026년 3월 2일`; raises ValueError."""
    found = re.fullmatch(r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[.일]?(?:\s*\(.\))?", text)
    if not found or int(found[1]) not in YEARS:
        raise ValueError(text)
    return date(int(found[1]), int(found[2]), int(found[3]))


def read_time(text: str) -> time:
    """`9:00`, `14:30:00`, `오후 2:30`, `2:30 PM`, `14시 30분`; raises ValueError."""
    found = re.fullmatch(
        r"(오전|오후)?\s*(\d{1,2})\s*(?::(\d{2})(?::\d{2})?|시(?:\s*(\d{1,2})분)?)\s*([ap]m)?", text.lower()
    )
    if not found:
        raise ValueError(text)
    hour, minute = int(found[2]), int(found[3] or found[4] or 0)
    half = {"오전": "am", "오후": "pm"}.get(found[1] or "", found[5])
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, minute)


class _Reading:
    """One pass over a file; collects rows and problems."""

    def __init__(self, zone: ZoneInfo, hardware: Mapping[str, str]) -> None:
        self.zone = zone
        self.hardware = hardware
        self.rows: list[TimetableRow] = []
        self.problems: list[Problem] = []

    def read(self, text: str) -> Timetable:
        try:
            self._read(records(text, _delimiter(text)))
        except Unreadable as error:
            self.problems.append(error.problem)
        return Timetable(tuple(self.rows), tuple(self.problems))

    def _complain(self, line: int | None, message: str, korean: str) -> None:
        self.problems.append(Problem(line, message, korean))

    def _read(self, lines: Iterator[tuple[int, list[str]]]) -> None:
        columns = None
        for line, cells in lines:
            found = _columns(cells)
            if all(name in found for name in NEEDED):
                columns = found
                break
            if line >= HEADER_WITHIN:
                break
        if columns is None:
            self._complain(
                None,
                "No header was found: one line must name 날짜 (date), 시작 (start), 끝 (end) and 수업 (title), "
                "if you like also 장비 (hardware) and 자리 (seats).",
                "머리글을 찾지 못했습니다. ‘날짜’, ‘시작’, ‘끝’, ‘수업’ 열 이름이 있는 줄이 필요합니다. "
                "‘장비’와 ‘자리’ 열은 더해도 됩니다.",
            )
            return
        for line, cells in lines:
            if len(self.rows) + len(self.problems) >= MAX_ROWS:
                self._complain(
                    line,
                    f"The timetable has more than {MAX_ROWS:,} lines; split it.",
                    f"시간표가 {MAX_ROWS:,}줄을 넘습니다. 나누어 올려 주세요.",
                )
                return
            self._take(line, {name: cells[place] if place < len(cells) else "" for name, place in columns.items()})
        if not self.rows and not self.problems:
            self._complain(None, "There is no class below the header.", "머리글 아래에 수업이 없습니다.")

    def _take(self, line: int, cell: Mapping[str, str]) -> None:
        before = len(self.problems)
        day = self._date(line, cell["date"])
        begins, ends = self._time(line, cell["start"]), self._time(line, cell["end"])
        profile = self._hardware(line, cell.get("hardware", ""))
        seats = self._seats(line, cell.get("seats", ""))
        title = " ".join(cell["title"].split())
        if not title:
            self._complain(line, "The class has no title.", "수업 이름이 없습니다.")
        if len(self.problems) == before and day and begins and ends:
            starts_at, ends_at = (datetime.combine(day, moment, self.zone).astimezone(UTC) for moment in (begins, ends))
            self.rows.append(TimetableRow(line, title, starts_at, ends_at, profile, seats))

    def _date(self, line: int, text: str) -> date | None:
        try:
            return read_date(text)
        except ValueError:
            self._complain(
                line,
                f"{text[:40]!r} is no date; write it as 2026-03-02.",
                f"{text[:40]!r}은(는) 날짜가 아닙니다. 2026-03-02처럼 쓰세요.",
            )
            return None

    def _time(self, line: int, text: str) -> time | None:
        try:
            return read_time(text)
        except ValueError:
            self._complain(
                line,
                f"{text[:40]!r} is no time of day; write it as 14:00.",
                f"{text[:40]!r}은(는) 시각이 아닙니다. 14:00처럼 쓰세요.",
            )
            return None

    def _hardware(self, line: int, text: str) -> str | None:
        if plain(text) in NOTHING:
            return None
        name = self.hardware.get(plain(text))
        if name is None:
            there = ", ".join(sorted(set(self.hardware.values()))) or "-"
            self._complain(
                line,
                f"The hardware {text[:40]!r} can't be kept for a class; there is: {there}. Leave it empty for none.",
                f"{text[:40]!r} 장비는 수업에 확보할 수 없습니다. 쓸 수 있는 이름: {there}. 필요 없으면 비워 두세요.",
            )
        return name

    def _seats(self, line: int, text: str) -> int | None:
        if plain(text) in EVERYBODY:
            return None
        number = re.sub(r"(명|자리|개|석)$", "", plain(text))
        if number.isascii() and number.isdigit() and int(number[:9]) > 0:
            return int(number[:9])
        self._complain(
            line,
            f"{text[:40]!r} is no number of seats; write a whole number, or leave it empty for every student.",
            f"{text[:40]!r}은(는) 자리 수가 아닙니다. 숫자로 쓰거나, 모든 학생이면 비워 두세요.",
        )
        return None


def _columns(cells: list[str]) -> dict[str, int]:
    """Where each of our columns is; of two of one meaning the first."""
    found: dict[str, int] = {}
    for place, cell in enumerate(cells):
        column = COLUMN_OF.get(plain(cell))
        if column is not None:
            found.setdefault(column, place)
    return found


def _delimiter(text: str) -> str:
    """The delimiter under which one of the first lines names most of our columns; a comma when none does."""
    best, most = ",", 0
    for delimiter in DELIMITERS:
        try:
            for line, cells in records(text[:20_000], delimiter, strict=False):
                if (named := len(_columns(cells))) > most:
                    best, most = delimiter, named
                if line >= HEADER_WITHIN:
                    break
        except Unreadable:
            continue
    return best
