"""Reading a roster: encodings, delimiters, headers, and every kind of wrong row with its line."""

from __future__ import annotations

import io
import zipfile

import pytest

from cohorts.errors import TooLarge
from cohorts.models import Role
from cohorts.roster import MAX_BYTES, MAX_ROWS, read_roster

KOREAN = '이름,아이디,이메일,역할\n김민지,minji,minji@example.kr,학생\n"이, 서연",prof-lee,lee@example.kr,강사\n'
PEOPLE = [
    ("minji", "김민지", "minji@example.kr", Role.STUDENT),
    ("prof-lee", "이, 서연", "lee@example.kr", Role.INSTRUCTOR),
]


def people(data: bytes) -> list[tuple[str, str, str | None, Role | None]]:
    roster = read_roster(data)
    assert roster.problems == ()
    return [(row.username, row.name, row.email, row.role) for row in roster.rows]


def complaints(text: str | bytes) -> list[tuple[int | None, str]]:
    roster = read_roster(text if isinstance(text, bytes) else text.encode())
    return [(problem.line, problem.message) for problem in roster.problems]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        pytest.param(KOREAN.encode(), "utf-8", id="utf-8"),
        pytest.param(KOREAN.encode("utf-8-sig"), "utf-8-sig", id="utf-8 with BOM"),
        pytest.param(KOREAN.encode("cp949"), "cp949", id="cp949"),
        pytest.param(KOREAN.encode("euc-kr"), "cp949", id="euc-kr"),
        pytest.param(KOREAN.replace("\n", "\r\n").encode("cp949"), "cp949", id="cp949 with CRLF"),
        pytest.param(KOREAN.replace("\n", "\r\n").encode("utf-8-sig"), "utf-8-sig", id="BOM with CRLF"),
        pytest.param(KOREAN.replace("\n", "\r").encode(), "utf-8", id="carriage returns alone"),
        pytest.param(KOREAN.encode("utf-16"), "utf-16", id="utf-16, Excel's Unicode text"),
        pytest.param(KOREAN.rstrip("\n").encode(), "utf-8", id="no line break at the end"),
    ],
)
def test_the_same_people_are_read_from_every_encoding(data: bytes, encoding: str) -> None:
    assert people(data) == PEOPLE
    assert read_roster(data).encoding == encoding


def test_a_syllable_that_only_cp949_has_is_read() -> None:
    name = "김뷁"  # outside KS X 1001, so EUC-KR can't write it
    assert people(f"이름,이메일\n{name},a@example.kr\n".encode("cp949"))[0][1] == name


@pytest.mark.parametrize(
    ("header", "row"),
    [
        pytest.param("이름,아이디,이메일,역할", "김민지,minji,minji@example.kr,학생", id="korean"),
        pytest.param("name,username,email,role", "김민지,minji,minji@example.kr,student", id="english"),
        pytest.param("Name,User Name,E-Mail,ROLE", "김민지,minji,minji@example.kr,Student", id="english as typed"),
        pytest.param("성명,계정,전자우편,구분", "김민지,minji,minji@example.kr,교육생", id="other korean words"),
        pytest.param("역할;이메일;아이디;이름", "학생;minji@example.kr;minji;김민지", id="semicolons, other order"),
        pytest.param("이름\t아이디\t이메일\t역할", "김민지\tminji\tminji@example.kr\t학생", id="tabs"),
        pytest.param("이름,비고,아이디,이메일,역할", '김민지,"a;b;c",minji,minji@example.kr,학생', id="unknown column"),
        pytest.param(
            "\u3000이름\u3000,아이디 , 이메일,역할",
            "\u3000김민지,minji\u3000, MINJI@example.kr,학생 ",
            id="full-width blanks",
        ),
        pytest.param("이름,아이디,이메일,역할", "김민지,ｍｉｎｊｉ,minji＠example.kr,학생", id="full-width letters"),
        pytest.param("이름,아이디,이메일,역할", "김민지,MinJi,minji@example.kr,학생,,", id="upper case, empty cells"),
        pytest.param('"이름","아이디","이메일","역할"', '"김민지","minji","minji@example.kr","학생"', id="all quoted"),
        pytest.param("이름,아이디,이메일,역할", '"김\n민지",minji,minji@example.kr,학생', id="newline in quotes"),
    ],
)
def test_headers_and_cells_are_read_as_people_write_them(header: str, row: str) -> None:
    (found,) = people(f"{header}\n{row}\n".encode())
    assert found[0] == "minji"
    assert found[1] in ("김민지", "김 민지")
    assert found[2:] == ("minji@example.kr", Role.STUDENT)


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("학생", Role.STUDENT),
        ("조교", Role.ASSISTANT),
        ("강사", Role.INSTRUCTOR),
        ("교수", Role.INSTRUCTOR),
        ("student", Role.STUDENT),
        ("Assistant", Role.ASSISTANT),
        ("INSTRUCTOR", Role.INSTRUCTOR),
        ("", None),
    ],
)
def test_roles_are_understood_in_both_languages(word: str, role: Role | None) -> None:
    assert people(f"이름,이메일,역할\n김민지,a@example.kr,{word}\n".encode())[0][3] is role


def test_the_email_is_the_username_when_there_is_no_username_column() -> None:
    assert people("이름,이메일\n김민지,MinJi@Example.KR\n".encode()) == [
        ("minji@example.kr", "김민지", "minji@example.kr", None)
    ]


def test_a_title_and_blank_lines_may_stand_above_the_header() -> None:
    text = "2026년 직무전환 1기 명단,,\n작성일: 2026-03-02,,\n\n,,\n이름,아이디\n\n,\n김민지,minji\n\n"
    assert [(row.line, row.username) for row in read_roster(text.encode()).rows] == [(8, "minji")]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = '이름,이메일,비고\r\n김민지,minji@example.kr,"첫째\r\n둘째\r\n셋째"\r\n\r\n정도현,wrong,\r\n'
    assert [line for line, _ in complaints(text)] == [6]


HEADER = "이름,아이디,이메일,역할\n"


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        pytest.param(",minji,minji@example.kr,학생", 2, "The name is missing", id="name missing"),
        pytest.param("김\x07민지,minji,minji@example.kr,학생", 2, "can't be shown", id="control character in the name"),
        pytest.param("김" * 101 + ",minji,minji@example.kr,학생", 2, "is too long", id="name too long"),
        pytest.param("김민지,,minji@example.kr,학생", 2, "The username is missing", id="username missing"),
        pytest.param("김민지,kim minji,,학생", 2, "contains ' '", id="blank in the username"),
        pytest.param("김민지,kim/minji,,학생", 2, "contains '/'", id="slash in the username"),
        pytest.param("김민지,kim\x00minji,,학생", 2, "NUL bytes", id="NUL byte"),
        pytest.param("김민지,kim*,,학생", 2, "contains '*'", id="wildcard in the username"),
        pytest.param("김민지,-minji,,학생", 2, "starts with '-'", id="leading dash"),
        pytest.param("김민지,..,,학생", 2, "starts with '.'", id="dots alone"),
        pytest.param("김민지,grading-jc-2026-1-python-data,,학생", 2, "reserved", id="a grading server's name"),
        pytest.param("김민지,Grading-x,,학생", 2, "reserved", id="a grading server's name in capitals"),
        pytest.param("김민지,root,,학생", 2, "reserved", id="reserved name"),
        pytest.param("김민지," + "a" * 129 + ",,학생", 2, "too long: at most 128", id="username too long"),
        pytest.param("김민지," + "가" * 43 + ",,학생", 2, "too long: at most 128", id="korean username too long"),
        pytest.param("김민지,minji,minji.example.kr,학생", 2, "is not an email address", id="email without @"),
        pytest.param("김민지,minji,minji@example,학생", 2, "is not an email address", id="email without a dot"),
        pytest.param("김민지,minji,a@b@example.kr,학생", 2, "is not an email address", id="email with two @"),
        pytest.param("김민지,minji,minji@example.kr,반장", 2, "The role '반장' is unknown", id="unknown role"),
        pytest.param("김민지,minji,,\n정도현,MINJI,,", 3, "on line 2 already", id="username twice"),
        pytest.param(
            "김민지,minji,a@x.kr,\n정도현,dohyun,A@X.kr,", 3, "email 'a@x.kr' stands on line 2", id="email twice"
        ),
        pytest.param(
            "김민지,a@x.kr,a@x.kr,\n정도현,d,a@x.kr,", 3, "email 'a@x.kr' stands on line 2", id="email is a username"
        ),
        pytest.param(
            "김, 민지,minji,minji@example.kr,학생", 2, "more cells than the header", id="comma without quotes"
        ),
        pytest.param('김민지,minji,"minji@example.kr,학생', 2, "quotation mark too many", id="quotation without end"),
    ],
)
def test_a_wrong_row_is_listed_with_its_line_and_reason(rows: str, line: int, says: str) -> None:
    ((found, message),) = complaints(HEADER + rows + "\n")
    assert (found, says in message) == (line, True), message


def test_every_rule_that_a_row_breaks_is_listed() -> None:
    assert [line for line, _ in complaints(HEADER + ",a b,wrong,king\n")] == [2, 2, 2, 2]


def test_right_rows_are_read_beside_wrong_ones() -> None:
    roster = read_roster((HEADER + ",x,,\n김민지,minji,,\n").encode())
    assert ([row.username for row in roster.rows], len(roster.problems)) == (["minji"], 1)


def test_complaints_speak_korean_too() -> None:
    (problem,) = read_roster((HEADER + "김민지,minji,,반장\n").encode()).problems
    assert problem.text("ko") == "'반장' 역할을 알 수 없습니다. 학생, 조교, 강사 가운데 하나를 쓰세요."


def test_an_email_is_needed_where_it_serves_as_the_username() -> None:
    assert complaints("이름,이메일\n김민지,\n") == [
        (2, "The email is missing; without a username column it serves as the username.")
    ]


def xlsx() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "The file is empty", id="no bytes"),
        pytest.param(b"\xef\xbb\xbf\r\n \r\n", "The file is empty", id="BOM and blanks"),
        pytest.param(xlsx(), "choose Save as → CSV UTF-8", id="xlsx"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "choose Save as → CSV UTF-8", id="xls"),
        pytest.param("이름\n".encode() + b"\xff\xff\n", "neither UTF-8 nor CP949", id="neither encoding"),
        pytest.param(KOREAN.encode("utf-16-le"), "neither UTF-8 nor CP949", id="utf-16 without BOM"),
        pytest.param("name,email\nKim,a@x.kr\n".encode("utf-16-le"), "NUL bytes", id="english utf-16 without BOM"),
        pytest.param("김민지,minji\n정도현,dohyun\n".encode(), "No header was found", id="no header"),
        pytest.param("이름,전화\n김민지,010\n".encode(), "No header was found", id="no username, no email"),
        pytest.param("이름,아이디,계정\n김민지,a,b\n".encode(), "mean the same", id="two username columns"),
        pytest.param("이름,아이디\n".encode(), "nobody in the file", id="header alone"),
    ],
)
def test_a_file_that_is_no_roster_gets_one_sentence(data: bytes, says: str) -> None:
    ((_, message),) = complaints(data)
    assert says in message


def test_more_bytes_than_allowed_are_refused() -> None:
    with pytest.raises(TooLarge, match="2,097,152 are allowed"):
        read_roster(b"x" * (MAX_BYTES + 1))


def test_more_people_than_allowed_are_refused() -> None:
    rows = "".join(f"사람{number},user{number}\n" for number in range(MAX_ROWS + 5))
    assert complaints("이름,아이디\n" + rows) == [
        (MAX_ROWS + 2, f"The roster has more than {MAX_ROWS:,} people; split it by cohort.")
    ]
