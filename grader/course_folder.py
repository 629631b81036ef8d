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
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

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
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or entry.name in (".ipynb_checkpoints", "__pycache__", ".git"):
            continue
        if entry.is_dir():
            yield from plain_files(entry)
        elif entry.is_file() and entry.suffix != ".pyc":
            yield entry


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

    def build_submitted(folder: Path) -> None:
        shutil.copytree(submission, folder, dirs_exist_ok=True, symlinks=True)
        (folder / "timestamp.txt").write_text(timestamp_text(submitted_at), encoding="utf-8")

    def build_autograded(folder: Path) -> None:
        for path in plain_files(submission):
            if path.suffix != ".ipynb":
                target = folder / path.relative_to(submission)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        overlay_source(offering_dir, assignment, folder)
        for notebook in result.notebooks:
            if notebook.executed is not None:
                write_notebook(notebook.executed, folder / f"{notebook.name}.ipynb")
            if notebook.shown is not None:
                (folder / SHOWN).mkdir(exist_ok=True)
                write_notebook(notebook.shown, folder / SHOWN / f"{notebook.name}.ipynb")
        (folder / "timestamp.txt").write_text(timestamp_text(submitted_at), encoding="utf-8")
        (folder / ATTEMPT).write_text(str(attempt_id), encoding="ascii")
        for path in folder.rglob("*"):
            if path.is_file():
                path.chmod(READ_ONLY)

    with _staging(offering_dir, username) as staging:
        for step, build in (("submitted", build_submitted), ("autograded", build_autograded)):
            new = staging / step
            new.mkdir()
            build(new)
            _replace(offering_dir / step / username / assignment, new, staging / f"old-{step}")


def placed_attempt(offering_dir: Path, assignment: str, username: str) -> int | None:
    """The id of the attempt that `autograded/` shows, None where it shows none of ours."""
    try:
        return int((offering_dir / "autograded" / username / assignment / ATTEMPT).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def write_notebook(nb: object, path: Path) -> None:
    """Write a notebook of nbformat 4 with its texts in one piece, on one line: nbformat's writer takes longer."""
    path.write_text(json.dumps(nb, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def _ensure_parents(target: Path, folder: Path) -> None:
    """Make the folders above `target`, also where a student handed in a file of that name."""
    current = folder
    for part in target.relative_to(folder).parts[:-1]:
        current = current / part
        if current.is_symlink() or current.is_file():
            current.unlink()
        current.mkdir(exist_ok=True)


def _replace(target: Path, new: Path, old: Path) -> None:
    """Put the folder `new` in the place of `target`; what was there goes to the place `old`, or to `new`'s."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        _exchange(new, target, old)
    else:
        new.rename(target)


@contextmanager
def _staging(offering_dir: Path, username: str) -> Iterator[Path]:
    """An empty folder on the same file system. What a killed worker left in it goes first: we hold the lock."""
    staging = offering_dir / f"{STAGING}{number_of(username):x}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _exchange(new: Path, target: Path, old: Path) -> None:
    """Swap two folders in one step; where the file system can't, in two."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        rename = libc.renameat2
    except AttributeError:
        rename = None
    names = (ctypes.c_int(AT_FDCWD), os.fsencode(new), ctypes.c_int(AT_FDCWD), os.fsencode(target))
    if rename is not None and rename(*names, ctypes.c_uint(RENAME_EXCHANGE)) == 0:
        return
    target.rename(old)
    new.rename(target)
