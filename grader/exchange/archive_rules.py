"""What an archive of the exchange may hold: how much, under which names. Owns the limits and the sentences that refuse.

With the standard library alone: labs and the portal hold to the same rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MEBIBYTE = 1024 * 1024
UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\\\\]")


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold. Sizes in bytes."""

    entries: int = 1_000
    file_bytes: int = 50 * MEBIBYTE
    total_bytes: int = 200 * MEBIBYTE
    packed_bytes: int = 100 * MEBIBYTE
    name_bytes: int = 1_024
    part_bytes: int = 255
    header_bytes: int = 64 * 1024


LIMITS = Limits()


class ArchiveError(Exception):
    """What is wrong with an archive, in English and Korean; `too_large` when it is a matter of size."""

    def __init__(self, message: str, korean: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.korean = korean
        self.too_large = too_large


@dataclass(frozen=True)
class Entry:
    """A file or folder in an archive: its path with forward slashes, and its size in bytes."""

    name: str
    size: int
    is_folder: bool


def clean_name(raw: bytes, limits: Limits) -> str:
    """`raw` as a relative path; empty for the folder itself."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise unsafe_name(raw) from None
    while name.startswith("./"):
        name = name[2:].lstrip("/") if name[2:3] == "/" else name[2:]
    name = name.rstrip("/") if name.strip("/") else name
    if name in ("", "."):
        return ""
    check_name(name, limits)
    return name


def check_name(name: str, limits: Limits) -> None:
    parts = name.split("/")
    if name.startswith("/") or UNREADABLE.search(name) or any(part in ("", ".", "..") for part in parts):
        raise unsafe_name(name.encode("utf-8", "surrogateescape"))
    try:
        sizes = [len(part.encode("utf-8")) for part in parts]
    except UnicodeEncodeError:
        raise unsafe_name(name.encode("utf-8", "surrogateescape")) from None
    if sum(sizes) + len(sizes) > limits.name_bytes or max(sizes) > limits.part_bytes:
        raise ArchiveError(
            f"A file name in the archive is too long: '{name[:60]}…'. Use at most {limits.part_bytes} bytes a name.",
            f"압축 파일 안의 이름이 너무 깁니다: '{name[:60]}…'. 이름은 {limits.part_bytes}바이트까지 허용됩니다.",
        )


def check_place(name: str, is_folder: bool, seen: dict[str, bool]) -> None:
    """Refuse a name that comes twice, or a file where a folder is; remembers `name` and the folders above it."""
    parts = name.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    twice = name in seen and not (is_folder and seen[name])
    if twice or any(seen.get(folder) is False for folder in above):
        raise ArchiveError(
            f"The archive names '{shown(name.encode())}' twice. Pack it again.",
            f"압축 파일에 '{shown(name.encode())}' 이름이 두 번 나옵니다. 다시 묶으세요.",
        )
    seen.update(dict.fromkeys(above, True))
    seen[name] = is_folder


def check_amount(name: str, count: int, size: int, total: int, limits: Limits) -> None:
    if count > limits.entries:
        raise ArchiveError(
            f"There are more than {limits.entries:,} files. Remove what the work does not need and try again.",
            f"파일이 {limits.entries:,}개를 넘습니다. 과제에 필요 없는 파일을 지우고 다시 시도하세요.",
            too_large=True,
        )
    if size > limits.file_bytes:
        mebibytes, most = size / MEBIBYTE, limits.file_bytes // MEBIBYTE
        raise ArchiveError(
            f"'{shown(name.encode())}' is {mebibytes:,.1f} MiB; a file may have at most {most} MiB. Make it smaller.",
            f"'{shown(name.encode())}' 파일이 {mebibytes:,.1f} MiB입니다. "
            f"파일 하나는 {most} MiB까지 허용되니 줄이세요.",
            too_large=True,
        )
    if total > limits.total_bytes:
        raise too_much_in_all(limits)


def too_much_in_all(limits: Limits) -> ArchiveError:
    most = limits.total_bytes // MEBIBYTE
    return ArchiveError(
        f"The files take more than {most} MiB unpacked. Remove what the work does not need and try again.",
        f"압축을 푼 크기가 {most} MiB를 넘습니다. 과제에 필요 없는 파일을 지우고 다시 시도하세요.",
        too_large=True,
    )


def broken(what: str) -> ArchiveError:
    return ArchiveError(
        f"This is no complete gzipped tar (the {what} part is broken). Send it again.",
        f"온전한 tar.gz 파일이 아닙니다 ({what} 부분이 깨졌습니다). 다시 보내세요.",
    )


def unsafe_name(raw: bytes) -> ArchiveError:
    return ArchiveError(
        f"The name '{shown(raw)}' is not allowed: a name stays inside the folder, without '..', '/' in front, "
        "backslash or control characters. Rename the file.",
        f"이름 '{shown(raw)}'은(는) 허용되지 않습니다. '..', 맨 앞의 '/', 역슬래시, 제어 문자 없이 폴더 안의 "
        "이름이어야 합니다. 파일 이름을 바꾸세요.",
    )


def shown(raw: bytes) -> str:
    """A name that is safe to show: cut, and without characters that a terminal or page would act on."""
    return UNREADABLE.sub("?", raw.decode("utf-8", "replace"))[:120]
