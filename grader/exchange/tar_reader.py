"""Reads a gzipped tar without trust, while it streams: plain files and folders, and a refusal of everything else.

It never holds more than a chunk, and never believes a size before it has counted. Python's `tarfile` reads extended
headers and sparse maps of any length into memory before a caller can look, so it has no part in this.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from typing import IO

from grader.exchange.archive_rules import (
    LIMITS,
    MEBIBYTE,
    ArchiveError,
    Entry,
    Limits,
    broken,
    check_amount,
    check_place,
    clean_name,
    shown,
    too_much_in_all,
    unsafe_name,
)

BLOCK = 512
CHUNK = 64 * 1024
KINDS = {
    b"1": ("a hard link", "하드 링크"),
    b"2": ("a symbolic link", "심볼릭 링크"),
    b"3": ("a device", "장치"),
    b"4": ("a device", "장치"),
    b"6": ("a pipe", "파이프"),
    b"K": ("a link", "링크"),
    b"S": ("a sparse file", "희소 파일"),
}


def read(archive: IO[bytes], limits: Limits = LIMITS) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """The entries of `archive`, each with its content in chunks that must be used up before the next entry."""
    stream = _Stream(archive, limits)
    seen: dict[str, bool] = {}
    total = count = 0
    for kind, raw_name, size in _headers(stream, limits):
        if kind in KINDS:
            english, korean = KINDS[kind]
            raise ArchiveError(
                f"The archive holds {english}: '{shown(raw_name)}'. Only files and folders may be in it; remove it.",
                f"압축 파일에 {korean}가 들어 있습니다: '{shown(raw_name)}'. 파일과 폴더만 허용되니 지우세요.",
            )
        name = clean_name(raw_name, limits)
        is_folder = kind == b"5"
        count += 1
        total += size
        check_amount(name or ".", count, size, total, limits)
        if not name:
            if not is_folder:
                raise unsafe_name(raw_name)
            continue
        check_place(name, is_folder, seen)
        chunks = stream.content(size)
        yield Entry(name, size, is_folder), chunks
        for _ in chunks:
            pass
        stream.skip_padding(size)
    stream.drain()


class _Stream:
    """Decompressed bytes of an archive, counted."""

    def __init__(self, archive: IO[bytes], limits: Limits) -> None:
        self._zipped = gzip.GzipFile(fileobj=archive, mode="rb")
        self._left = limits.total_bytes + limits.entries * 4 * BLOCK + MEBIBYTE
        self._limits = limits

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        parts = []
        while size > 0:
            try:
                part = self._zipped.read(min(size, CHUNK))
            except (OSError, EOFError, zlib.error) as problem:
                raise broken("gzip") from problem
            if not part:
                break
            self._left -= len(part)
            if self._left < 0:
                raise too_much_in_all(self._limits)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def exactly(self, size: int) -> bytes:
        data = self.read(size)
        if len(data) != size:
            raise broken("tar")
        return data

    def content(self, size: int) -> Iterator[bytes]:
        while size > 0:
            part = self.exactly(min(size, CHUNK))
            size -= len(part)
            yield part

    def skip_padding(self, size: int) -> None:
        self.exactly(-size % BLOCK)

    def drain(self) -> None:
        """Read to the end, so that the checksum of the gzip is checked and a bomb behind the tar is found."""
        while self.read(CHUNK):
            pass


def _headers(stream: _Stream, limits: Limits) -> Iterator[tuple[bytes, bytes, int]]:
    """Kind, name and size of each entry (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html)."""
    long_name: bytes | None = None
    long_size: int | None = None
    while True:
        block = stream.exactly(BLOCK)
        if block == bytes(BLOCK):
            if long_name is not None or long_size is not None:
                raise broken("tar")
            return
        if not _checksum_holds(block):
            raise broken("tar")
        kind = block[156:157]
        size = _number(block[124:136])
        if kind in (b"x", b"g", b"L"):
            if size > limits.header_bytes:
                raise ArchiveError(
                    f"A file name in the archive takes {size:,} bytes; at most {limits.name_bytes:,} are allowed.",
                    f"압축 파일 안의 이름이 {size:,}바이트입니다. 최대 {limits.name_bytes:,}바이트까지 허용됩니다.",
                )
            data = stream.exactly(size)
            stream.skip_padding(size)
            if kind == b"L":
                long_name = data.rstrip(b"\0")
            elif kind == b"x":
                records = _pax_records(data)
                long_name = records.get(b"path", long_name)
                if b"size" in records:
                    long_size = _decimal(records[b"size"])
            continue
        name = block[:100].split(b"\0", 1)[0]
        if block[257:263] == b"ustar\0" and block[345] and long_name is None:
            name = block[345:500].split(b"\0", 1)[0] + b"/" + name
        name = long_name if long_name is not None else name
        size = long_size if long_size is not None else size
        long_name = long_size = None
        if kind in (b"0", b"\0", b"7"):
            kind = b"5" if kind == b"\0" and name.endswith(b"/") else b"0"
        elif kind != b"5" and kind not in KINDS:
            raise broken("tar")
        if kind == b"5" and size:
            raise broken("tar")
        yield kind, name, 0 if kind in KINDS else size


def _pax_records(data: bytes) -> dict[bytes, bytes]:
    """The records `length key=value\\n` of an extended header; sparse files are refused here."""
    records: dict[bytes, bytes] = {}
    while data.rstrip(b"\0"):
        length, space, _ = data[:12].partition(b" ")
        size = _decimal(length) if space else 0
        key, equals, value = data[len(length) + 1 : size - 1].partition(b"=")
        if size < 5 or size > len(data) or data[size - 1 : size] != b"\n" or not equals:
            raise broken("tar")
        if key.startswith(b"GNU.sparse"):
            raise ArchiveError(
                "The archive holds a sparse file. Pack it again without that option.",
                "압축 파일에 희소 파일이 들어 있습니다. 그 옵션 없이 다시 묶으세요.",
            )
        records[key] = value
        data = data[size:]
    return records


def _checksum_holds(block: bytes) -> bool:
    return _number(block[148:156]) == sum(block[:148]) + sum(block[156:]) + 8 * 32


def _number(field: bytes) -> int:
    """An octal field of a header. The binary form is only needed above 8 GiB, which is never allowed."""
    text = field.strip(b" \0")
    if text and not re.fullmatch(rb"[0-7]+", text):
        raise broken("tar")
    return int(text or b"0", 8)


def _decimal(text: bytes) -> int:
    if not re.fullmatch(rb"[0-9]{1,15}", text):
        raise broken("tar")
    return int(text)
