"""An offering's nbgrader course directory: submitted/ and autograded/ as formgrader expects them.

Owns the replacing of one student's folder: built aside, then exchanged in one step, so that formgrader sees the old one
or the new one. The caller holds `offering_locks.student_alone`.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from grader.offering_locks import number_of
from grader.results import MarkingResult

STAGING = ".marking-"  # and the student's number
ATTEMPT = ".attempt"
SHOWN = ".shown"  # the notebooks as their student may see them, from which feedback is made anew
AT_FDCWD = -100
RENAME_EXCHANGE = 2
READ_ONLY = 0o444  # nbgrader's own permissions for autograded files


def timestamp_text(when: datetime) -> str:
    """nbgrader's timestamp.txt, in UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def overlay_source(offering_dir: Path, assignment: str, folder: Path) -> None:
    """Put the assignment's own files (not notebooks) over those handed in, as nbgrader does before it runs anything."""
    source = offering_dir / "source" / assignment
    for path in plain_files(source):
        if path.suffix == ".ipynb":
            continue
        target = folder / path.relative_to(source)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        _ensure_parents(target, folder)
        shutil.copyfile(path, target)


def plain_files(folder: Path) -> Iterator[Path]:
    """Regular files below `folder`, without hidden folders, caches and links."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_symlink() or entry.name in (".ipynb_checkpoints", "__pycache__", ".git"):
            continue
        if entry.is_dir():
            yield from plain_files(Path(entry.path))
        elif entry.is_file() and os.path.splitext(entry.name)[1] != ".pyc":
            yield Path(entry.path)


def place_marking(
    offering_dir: Path,
    assignment: str,
    username: str,
    *,
    submission: Path,
    submitted_at: datetime,
    attempt_id: int,
    result: MarkingResult,
) -> None:
    """Make `submitted/` and `autograded/` of this student show this attempt."""

    def build_submitted(folder: str) -> None:
        shutil.copytree(submission, folder, symlinks=True)
        _write(f"{folder}/timestamp.txt", timestamp_text(submitted_at).encode())

    def build_autograded(folder: str) -> None:
        os.mkdir(folder)
        for path in plain_files(submission):
            if path.suffix != ".ipynb":
                target = folder / path.relative_to(submission)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        overlay_source(offering_dir, assignment, Path(folder))
        if any(notebook.shown is not None for notebook in result.notebooks):
            os.makedirs(f"{folder}/{SHOWN}", exist_ok=True)
        for notebook in result.notebooks:
            if notebook.executed is not None:
                write_notebook(notebook.executed, f"{folder}/{notebook.name}.ipynb")
            if notebook.shown is not None:
                write_notebook(notebook.shown, f"{folder}/{SHOWN}/{notebook.name}.ipynb")
        _write(f"{folder}/timestamp.txt", timestamp_text(submitted_at).encode())
        _write(f"{folder}/{ATTEMPT}", str(attempt_id).encode())
        for inside, _, files in os.walk(folder):
            for name in files:
                os.chmod(f"{inside}/{name}", READ_ONLY)

    for step, build in (("submitted", build_submitted), ("autograded", build_autograded)):
        with _staging(offering_dir, username) as (new, old):
            build(new)
            _replace(f"{offering_dir}/{step}/{username}/{assignment}", new, old)


def placed_attempt(offering_dir: Path, assignment: str, username: str) -> int | None:
    """The id of the attempt that `autograded/` shows, None where it shows none of ours."""
    try:
        return int((offering_dir / "autograded" / username / assignment / ATTEMPT).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def write_notebook(nb: object, path: str | Path) -> None:
    """Write a notebook of nbformat 4 with its texts in one piece, on one line: nbformat's writer takes longer."""
    _write(path, (json.dumps(nb, ensure_ascii=False, sort_keys=True) + "\n").encode())


def _write(path: str | Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _ensure_parents(target: Path, folder: Path) -> None:
    """Make the folders above `target`, also where a student handed in a file of that name."""
    current = folder
    for part in target.relative_to(folder).parts[:-1]:
        current = current / part
        if current.is_symlink() or current.is_file():
            current.unlink()
        current.mkdir(exist_ok=True)


def _replace(target: str, new: str, old: str) -> None:
    """Put the folder `new` in the place of `target`; what was there goes to the place `old`, or to `new`'s."""
    with suppress(OSError):
        os.rename(new, target)
        return
    if os.path.lexists(target):
        _exchange(new, target, old)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(new, target)


@contextmanager
def _staging(offering_dir: Path, username: str) -> Iterator[tuple[str, str]]:
    """Two names on the same file system: for a folder to be built, and for the one whose place it takes.

    What a killed worker left under them goes first: we hold the lock.
    """
    new = f"{offering_dir}/{STAGING}{number_of(username):x}"
    old = f"{new}-old"
    _clear(new, old)
    try:
        yield new, old
    finally:
        _clear(new, old)


def _clear(*folders: str) -> None:
    for folder in folders:
        if os.path.lexists(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _exchange(new: str, target: str, old: str) -> None:
    """Swap two folders in one step; where the file system can't, in two."""
    rename = _renameat2()
    names = (ctypes.c_int(AT_FDCWD), os.fsencode(new), ctypes.c_int(AT_FDCWD), os.fsencode(target))
    if rename is not None and rename(*names, ctypes.c_uint(RENAME_EXCHANGE)) == 0:
        return
    os.rename(target, old)
    os.rename(new, target)


@cache
def _renameat2() -> Any | None:
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
