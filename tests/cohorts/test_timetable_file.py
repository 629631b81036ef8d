"""Timetables as spreadsheets write them: what is read, what is told of by line, and that all or nothing goes in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from cohorts.csv_text import Problem
from cohorts.database import Database
from cohorts.timetable import add_class_session, class_sessions
from cohorts.timetable_file import MAX_BYTES, read_date, read_time, read_timetable
from cohorts.timetable_import import Added, WrongTimetable, import_timetable

ZONE = "Asia/Seoul"
HARDWARE = {"gpu-slice": "gpu-slice", "GPU 조각": "gpu-slice", "GPU slice": "gpu-slice"}
COHORT = "jc-2026-1"
NOW = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
GOOD = (
    "2026년 1기 시간표,,,,,\r\n날짜,시작,끝,수업,장비,자리\r\n2026-03-09,14:00,17:00,딥러닝 실습,GPU 조각,20\r\n"
    '2026. 3. 10.,오전 9:30,12:00,"파이썬, 복습",,\r\n2026/3/11,14시,오후 5시 30분,모델 튜닝,gpu-slice,전체\r\n'
)


def said(problems: tuple[Problem, ...]) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.message) for problem in problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_a_timetable_is_read_in_every_encoding_of_a_spreadsheet(encoding: str) -> None:
    found = read_timetable(GOOD.encode(encoding), ZONE, HARDWARE)
    assert found.problems == ()
    first, second, third = found.rows
    assert (first.line, first.title, first.profile, first.seats) == (3, "딥러닝 실습", "gpu-slice", 20)
    assert first.starts_at == datetime(2026, 3, 9, 5, 0, tzinfo=UTC)
    assert first.ends_at == datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    assert (second.title, second.profile, second.seats) == ("파이썬, 복습", None, None)
    assert second.starts_at == datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
    assert (third.profile, third.seats) == ("gpu-slice", None)
    assert third.ends_at == datetime(2026, 3, 11, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_english_headings_and_other_delimiters_are_read(delimiter: str) -> None:
    lines = ["Date,Start,End,Title,Hardware,Seats", "2026-03-09,2:00 PM,17:00,Deep learning,GPU SLICE,12"]
    text = "\n".join(lines).replace(",", delimiter)
    found = read_timetable(text.encode(), ZONE, HARDWARE)
    assert found.problems == ()
    assert [(row.title, row.profile, row.seats) for row in found.rows] == [("Deep learning", "gpu-slice", 12)]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("9 March,14:00,17:00,수업,,", "'9 March' is no date; write it as 2026-03-02."),
        ("2026-02-30,14:00,17:00,수업,,", "'2026-02-30' is no date; write it as 2026-03-02."),
        ("2026-03-09,25:00,26:00,수업,,", "'25:00' is no time of day; write it as 14:00."),
        ("2026-03-09,오후 14:00,17:00,수업,,", "'오후 14:00' is no time of day; write it as 14:00."),
        ("2026-03-09,14:00,,수업,,", "'' is no time of day; write it as 14:00."),
        ("2026-03-09,14:00,17:00,,,", "The class has no title."),
        (
            "2026-03-09,14:00,17:00,수업,TPU,",
            "The hardware 'TPU' can't be kept for a class; there is: gpu-slice. Leave it empty for none.",
        ),
        (
            "2026-03-09,14:00,17:00,수업,GPU 조각,스무 명",
            "'스무 명' is no number of seats; write a whole number, or leave it empty for every student.",
        ),
    ],
)
def test_what_is_wrong_with_a_line_is_told_with_the_line(row: str, problem: str) -> None:
    found = read_timetable(f"날짜,시작,끝,수업,장비,자리\n{row}\n".encode(), ZONE, HARDWARE)
    assert (found.rows, said(found.problems)[0]) == ((), (2, problem))


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"", None), (b"PK\x03\x04", None), ("이름,아이디\n민지,minji\n".encode(), None), (b"x" * (MAX_BYTES + 1), None)],
    ids=["empty", "a spreadsheet file", "a roster", "too large"],
)
def test_a_file_that_is_no_timetable_is_told_as_a_whole(data: bytes, line: int | None) -> None:
    found = read_timetable(data, ZONE, HARDWARE)
    assert (found.rows, [problem.line for problem in found.problems]) == ((), [line])


def test_a_file_without_a_class_is_told() -> None:
    found = read_timetable("날짜,시작,끝,수업\n".encode(), ZONE, {})
    assert said(found.problems) == [(None, "There is no class below the header.")]


@pytest.mark.parametrize(
    "text", ["2026-03-02", "2026.3.2", "2026. 3. 2.", "2026/03/02", "2026년 3월 2일", "2026-3-2 (월)"]
)
def test_dates_as_people_write_them(text: str) -> None:
    assert read_date(text) == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9:05", time(9, 5)),
        ("14:00:00", time(14, 0)),
        ("오후 2:30", time(14, 30)),
        ("오전 12:00", time(0, 0)),
        ("12:15 pm", time(12, 15)),
        ("14시", time(14, 0)),
        ("오후 3시 20분", time(15, 20)),
    ],
)
def test_times_as_people_write_them(text: str, expected: time) -> None:
    assert read_time(text) == expected


def test_all_classes_of_a_file_go_in_and_the_same_file_again_adds_nothing(database: Database) -> None:
    with database.write() as session:
        added = import_timetable(session, COHORT, GOOD.encode(), HARDWARE, by="admin", now=NOW)
    assert added == Added(new=3, known=0)
    with database.write() as session:
        assert import_timetable(session, COHORT, GOOD.encode(), HARDWARE, by="admin", now=NOW) == Added(0, 3)
        assert [entry.title for entry in class_sessions(session, COHORT)] == [
            "딥러닝 실습",
            "파이썬, 복습",
            "모델 튜닝",
        ]


def test_one_wrong_line_keeps_all_out_and_every_problem_is_told(database: Database) -> None:
    with database.write() as session:
        start = datetime(2026, 3, 11, 6, 0, tzinfo=UTC)
        add_class_session(
            session, COHORT, title="먼저 있던 수업", starts_at=start, ends_at=start.replace(hour=7), by="admin", now=NOW
        )
    text = GOOD + "2026-03-12,17:00,14:00,거꾸로,,\r\n2026-03-09,16:00,18:00,겹침,,\r\n"
    with pytest.raises(WrongTimetable) as refused, database.write() as session:
        import_timetable(session, COHORT, text.encode(), HARDWARE, by="admin", now=NOW)
    assert [problem.line for problem in refused.value.problems] == [5, 6, 7]
    assert "overlaps '먼저 있던 수업'" in refused.value.problems[0].message
    assert "must end after it starts" in refused.value.problems[1].message
    assert "overlaps '딥러닝 실습'" in refused.value.problems[2].message
    assert "5번째 줄" in refused.value.korean
    with database.read() as session:
        assert [entry.title for entry in class_sessions(session, COHORT)] == ["먼저 있던 수업"]
