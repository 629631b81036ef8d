"""Archives as the portal sees them: `grader.exchange.tarball` with refusals that carry an HTTP status.

Owns the limits of what is taken in and the names of the notebooks in a stored archive.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cohorts.errors import CampusError, Invalid, TooLarge
from grader.exchange import tarball
from grader.exchange.archive_rules import LIMITS, MEBIBYTE, ArchiveError, Entry, Limits
from grader.exchange.tarball import Sink

__all__ = [
    "LIMITS",
    "Entry",
    "Limits",
    "check",
    "notebooks",
    "pack",
    "pack_contents",
    "pack_into",
    "too_many_bytes",
    "unpack",
]


def check(archive: IO[bytes], limits: Limits = LIMITS) -> list[Entry]:
    """What `archive` holds, after reading all of it; raises Invalid (422) or TooLarge (413), and writes nothing."""
    with _refusals():
        return tarball.check(archive, limits)


def unpack(archive: IO[bytes], folder: Path, limits: Limits = LIMITS) -> list[Entry]:
    """Write what `archive` holds below `folder`; raises Invalid or TooLarge and then leaves nothing behind."""
    with _refusals():
        return tarball.unpack(archive, folder, limits)


def pack(folder: Path, *, ignore: Sequence[str] = (), limits: Limits = LIMITS) -> bytes:
    """The files below `folder` as a gzipped tar, the same bytes for the same files; for small folders."""
    out = io.BytesIO()
    pack_into(folder, out, ignore=ignore, limits=limits)
    return out.getvalue()


def pack_contents(contents: Mapping[str, bytes], *, limits: Limits = LIMITS) -> bytes:
    """Files by their names, as `pack` would pack them from a folder."""
    out = io.BytesIO()
    with _refusals():
        tarball.pack_contents(contents, out, limits=limits)
    return out.getvalue()


def pack_into(folder: Path, out: Sink, *, ignore: Sequence[str] = (), limits: Limits = LIMITS) -> list[Entry]:
    """Write the files below `folder` to `out` as a gzipped tar; links and special files are refused."""
    with _refusals():
        return tarball.pack(folder, out, ignore=ignore, limits=limits)


def notebooks(entries: Sequence[Entry]) -> list[str]:
    """Names of the notebooks (`.ipynb`) at the top of an archive, sorted. nbgrader grades no others."""
    return sorted(entry.name for entry in entries if entry.name.endswith(".ipynb") and "/" not in entry.name)


def too_many_bytes(limits: Limits = LIMITS) -> CampusError:
    """The refusal of an upload that is larger than an archive may be."""
    most = limits.packed_bytes // MEBIBYTE
    return TooLarge(
        f"The upload has more than {most} MiB. Remove what the work does not need and try again.",
        f"올린 파일이 {most} MiB를 넘습니다. 과제에 필요 없는 파일을 지우고 다시 시도하세요.",
    )


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except ArchiveError as problem:
        kind = TooLarge if problem.too_large else Invalid
        raise kind(problem.message, problem.korean) from problem
