"""Gzipped tars between a lab and the portal: packed the same way every time, unpacked without trust.

Owns the writing of them, and of what is in them, on both sides of the exchange, with the standard library alone. Links
and special files are never followed or made.
"""

from __future__ import annotations

import fnmatch
import gzip
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

from grader.exchange.archive_rules import LIMITS, ArchiveError, Entry, Limits, check_amount, check_name, shown
from grader.exchange.tar_reader import read


class Sink(Protocol):
    """Where packed bytes go: a file, or something that counts and hashes on the way."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


def check(archive: IO[bytes], limits: Limits = LIMITS) -> list[Entry]:
    """Read all of `archive` and return what it holds; raises ArchiveError for what `unpack` would refuse."""
    entries = []
    for entry, chunks in read(archive, limits):
        for _ in chunks:
            pass
        entries.append(entry)
    return entries


def unpack(archive: IO[bytes], folder: Path, limits: Limits = LIMITS, *, mode: int = 0o644) -> list[Entry]:
    """Write what `archive` holds below `folder`; when it is refused, everything written is taken away again.

    Never writes over a file that is there, and never through a link.
    """
    made: list[Path] = []
    entries = []
    try:
        _make_folder(folder, made)
        for entry, chunks in read(archive, limits):
            target = folder / entry.name
            if entry.is_folder:
                _make_folder(target, made)
            else:
                _make_folder(target.parent, made)
                _write_file(target, chunks, mode, made)
            entries.append(entry)
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        raise
    return entries


def pack(
    folder: Path,
    out: Sink,
    *,
    ignore: Sequence[str] = (),
    include: Sequence[str] = ("*",),
    limits: Limits = LIMITS,
    on_skip: Callable[[str], None] | None = None,
) -> list[Entry]:
    """Write the files below `folder` to `out` as a gzipped tar that is the same for the same files.

    `ignore` are patterns of file and folder names, `include` of file names. Whatever is neither a file nor a folder is
    passed to `on_skip`, or refused.
    Returns the files that were packed, sorted by name.
    """
    entries: list[Entry] = []
    with _writing(out) as tar:
        total = 0
        for name in sorted(_files(folder, "", ignore, on_skip)):
            if not any(fnmatch.fnmatch(os.path.basename(name), pattern) for pattern in include):
                continue
            check_name(name, limits)
            descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                total += size
                check_amount(name, len(entries) + 1, size, total, limits)
                try:
                    tar.addfile(_info(name, size), file)
                except OSError as problem:
                    raise ArchiveError(
                        f"'{name}' changed while it was being packed ({problem}). Save it and try again.",
                        f"'{name}' 파일이 묶는 동안 바뀌었습니다 ({problem}). 저장한 뒤 다시 시도하세요.",
                    ) from problem
            entries.append(Entry(name, size, False))
    return entries


def pack_contents(contents: Mapping[str, bytes], out: Sink, *, limits: Limits = LIMITS) -> None:
    """Write files that are not on a disk, by their names, as `pack` would write them."""
    total = 0
    with _writing(out) as tar:
        for number, (name, content) in enumerate(sorted(contents.items()), start=1):
            check_name(name, limits)
            total += len(content)
            check_amount(name, number, len(content), total, limits)
            tar.addfile(_info(name, len(content)), io.BytesIO(content))


@contextmanager
def _writing(out: Sink) -> Iterator[tarfile.TarFile]:
    with (
        gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield tar


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


def _files(folder: Path, above: str, ignore: Sequence[str], on_skip: Callable[[str], None] | None) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        name = above + entry.name
        if any(fnmatch.fnmatch(entry.name, pattern) for pattern in ignore):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), name + "/", ignore, on_skip)
        elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield name
        elif on_skip is not None:
            on_skip(name)
        else:
            raise ArchiveError(
                f"'{shown(os.fsencode(name))}' is a link or a special file. Put a plain file in its place.",
                f"'{shown(os.fsencode(name))}'은(는) 링크나 특수 파일입니다. 일반 파일로 바꾸세요.",
            )


def _make_folder(folder: Path, made: list[Path]) -> None:
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir()
        made.append(path)


def _write_file(target: Path, chunks: Iterator[bytes], mode: int, made: list[Path]) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    made.append(target)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
