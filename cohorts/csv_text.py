"""Text out of what a spreadsheet saved: kinds of file, encodings, records with their line numbers. Knows no person.

Read are UTF-8 with or without BOM, CP949 (which contains EUC-KR) and UTF-16 with BOM (Excel's "Unicode text"). Line
numbers are those of the file as an editor shows it, also after line breaks within quotation marks.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

DELIMITERS = ",;\t"
BLANKS = "\ufeff\u200b\u200c\u200d\u2060"  # invisible, and str.strip() leaves them
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # .xlsx and .ods; .xls


@dataclass(frozen=True)
class Problem:
    """Why a file can't be used as it is. `line` is None when it concerns the whole file."""

    line: int | None
    message: str
    korean: str

    def text(self, locale: str) -> str:
        """The sentence in `locale` ("ko" or "en")."""
        return self.korean if locale == "ko" else self.message


class Unreadable(Exception):
    """The file, or all of it from some line on, can't be read; `problem` says why."""

    def __init__(self, line: int | None, message: str, korean: str) -> None:
        super().__init__(message)
        self.problem = Problem(line, message, korean)


def decode(data: bytes) -> tuple[str, str]:
    """The text and the name of its encoding; raises Unreadable."""
    if data.startswith(SPREADSHEETS):
        raise Unreadable(
            None,
            "This is a spreadsheet file (such as .xlsx), not CSV. In the spreadsheet choose Save as → CSV UTF-8 "
            "and upload that file.",
            "CSV가 아니라 엑셀(.xlsx 등) 파일입니다. 엑셀에서 [다른 이름으로 저장] → ‘CSV UTF-8(쉼표로 분리)’로 "
            "저장한 뒤 그 파일을 올려 주세요.",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = ["utf-16"]
    else:
        candidates = ["utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8", "cp949"]
    for encoding in candidates:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise Unreadable(
                text[: text.index("\0")].count("\n") + 1,
                "The file holds NUL bytes, so it is no text; save it anew as “CSV UTF-8”.",
                "NUL 문자가 들어 있어 텍스트 파일이 아닙니다. ‘CSV UTF-8’ 형식으로 다시 저장해 주세요.",
            )
        if not clean(text):
            raise Unreadable(None, "The file is empty.", "빈 파일입니다.")
        return text, encoding
    raise Unreadable(
        None,
        "The file is neither UTF-8 nor CP949 text; save it anew as “CSV UTF-8”.",
        "UTF-8도 CP949도 아닌 파일입니다. ‘CSV UTF-8’ 형식으로 다시 저장해 주세요.",
    )


def records(text: str, delimiter: str, *, strict: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Records that aren't blank, each with the line it starts on; raises Unreadable at a broken quotation."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(
                line,
                f"From this line on the file can't be read as CSV ({error}): is there a quotation mark too many?",
                f"이 줄부터 CSV로 읽을 수 없습니다({error}). 따옴표가 잘못되지 않았는지 확인해 주세요.",
            ) from None
        cells = [clean(cell) for cell in cells]
        if any(cells):
            yield line, cells


def clean(cell: str) -> str:
    """The cell without blanks around it, full-width and invisible ones included."""
    return cell.strip(BLANKS).strip().strip(BLANKS).strip()
