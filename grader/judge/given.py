"""The assignment's own files in the work folder, as the judge side's cells have to find them.

Owns what becomes of one that the student's code changed: while a cell runs on the judge side it lies aside, a genuine
copy in its place; afterwards the student has the own version again. Files that the reference solution changed as well
are left alone. Follows no link and reads only regular files, whatever lies there instead.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Collection, Iterator
from pathlib import PurePath
from typing import Any

REWRITTEN = "rewritten "  # and a file's name: so evidence says that the reference solution changed it
BLOCK = 1 << 20
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
WRITING = os.O_WRONLY | os.O_RDWR
CHANGES = frozenset({"os.remove", "os.rename", "os.truncate", "os.chmod", "os.utime", "os.link", "os.symlink"})
PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty"})
LIBRARIES = frozenset({"sqlite3.connect"})  # what opens files past the interpreter

Signature = tuple[int, ...]


class GivenFiles:
    """The files below `given`, a folder no student's code can write to, and their copies below `work`.

    Made before any of the student's cells ran. What locked cells changed by then is the instructor's, and not watched.
    """

    def __init__(self, given: str, work: str) -> None:
        self._given, self._work = given, work
        self._names = {name: self._signature(name) for name in _files_below(given) if self._is_genuine(name)}
        self._watched: set[str] = set()
        self._noting = False
        self._changed: set[str] = set()
        self._read: dict[str, Signature] = {}
        self._aside: dict[str, str | None] = {}
        self._busy = False
        self.faults: list[str] = []
        sys.addaudithook(self._look)

    def begin(self, rewritten: Collection[str] | None) -> None:
        """A cell begins. `rewritten` are the files to leave alone; None leaves all alone, to see what changes."""
        self._noting = rewritten is None
        self._changed = self._written() if self._noting else set()
        self._watched = set() if rewritten is None else set(self._names).difference(rewritten)
        self._read, self._aside, self.faults = {}, {}, []
        self._put_right(self._watched)

    def before_asking(self) -> None:
        """The student's code is about to run: what it may change from here on is put right when it is next opened."""
        if self._read:
            self._busy = True
            try:
                for name, seen in self._read.items():
                    if self._signature(name) != seen or not self._is_genuine(name):
                        self.faults.append(f"The file {name} was changed while the test read it.")
            finally:
                self._busy = False
                self._read = {}

    def end(self) -> set[str]:
        """The cell is over: the student gets the own versions back. Returns what changed of all that was left alone."""
        self.before_asking()
        self._watched = set()
        for name, aside in reversed(self._aside.items()):
            with contextlib.suppress(OSError), self._parent(name) as folder:
                leaf = os.path.basename(name)
                os.unlink(leaf, dir_fd=folder)
                if aside is not None:
                    os.rename(aside, leaf, src_dir_fd=folder, dst_dir_fd=folder)
        self._aside = {}
        return self._changed | self._written() if self._noting else set()

    def _look(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit hook: sees what this interpreter opens, before it does."""
        if not self._watched or self._busy:
            return
        if event == "open":
            names = self._named(args[:1])
            if names and isinstance(args[2], int) and args[2] & WRITING:
                self._leave_to_test(names)
            elif names:
                self._put_right(names)
                self._read.update((name, self._signature(name)) for name in names)
        elif event in CHANGES:
            self._leave_to_test(self._named(args))
        elif event in PROGRAMS or event in LIBRARIES:
            self._put_right(self._watched)

    def _named(self, paths: Collection[Any]) -> set[str]:
        """The watched files that one of `paths` may mean."""
        texts = [path for path in paths if issubclass(type(path), (str, bytes, PurePath))]  # not what only claims to be
        leaves = {os.path.basename(os.fsdecode(path)) for path in texts}
        return {name for name in self._watched if os.path.basename(name) in leaves}

    def _leave_to_test(self, names: set[str]) -> None:
        """The test changes these itself: what it makes of them stays."""
        self._watched -= names
        for name in names:
            self._read.pop(name, None)
            aside = self._aside.pop(name, None)
            if aside is not None:
                with contextlib.suppress(OSError), self._parent(name) as folder:
                    os.unlink(aside, dir_fd=folder)

    def _written(self) -> set[str]:
        """What was written to since the beginning, even if it holds the same again: a result, then, and no data."""
        first = self._names.items()
        return {name for name, seen in first if self._signature(name) != seen or not self._is_genuine(name)}

    # -- one file

    def _put_right(self, names: set[str]) -> None:
        self._busy = True
        try:
            for name in sorted(names):
                if not self._is_genuine(name):
                    try:
                        self._replace(name)
                    except OSError as error:
                        self.faults.append(f"The file {name} can't be put right ({error.strerror}).")
        finally:
            self._busy = False

    def _replace(self, name: str) -> None:
        """Put what lies at `name` aside, whatever it is, and a copy of the genuine file there."""
        with self._parent(name, make=True) as folder:
            leaf = os.path.basename(name)
            aside = self._aside.get(name) or f".{leaf[:100]}.{os.urandom(8).hex()}"
            try:
                os.rename(leaf, aside, src_dir_fd=folder, dst_dir_fd=folder)
                self._aside[name] = aside
            except FileNotFoundError:
                self._aside.setdefault(name, None)
            source = os.open(os.path.join(self._given, name), READ)
            try:
                _copy(source, leaf, folder)
            finally:
                os.close(source)

    @contextlib.contextmanager
    def _parent(self, name: str, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder that holds `name`; with `make` a folder takes the place of anything else."""
        here = os.open(self._work, FOLDER)
        try:
            for part in name.split("/")[:-1]:
                try:
                    below = os.open(part, FOLDER, dir_fd=here)
                except OSError:
                    if not make:
                        raise
                    with contextlib.suppress(FileNotFoundError):
                        os.rename(part, f".{part[:100]}.{os.urandom(8).hex()}", src_dir_fd=here, dst_dir_fd=here)
                    os.mkdir(part, 0o755, dir_fd=here)
                    below = os.open(part, FOLDER, dir_fd=here)
                os.close(here)
                here = below
            yield here
        finally:
            os.close(here)

    def _is_genuine(self, name: str) -> bool:
        """Whether the copy holds what was given. What is written through memory changes no time stamp."""
        ours = theirs = -1
        try:
            ours = os.open(os.path.join(self._given, name), READ)
            with self._parent(name) as folder:
                theirs = os.open(os.path.basename(name), READ, dir_fd=folder)
            about, wanted = os.fstat(theirs), os.fstat(ours)
            if not stat.S_ISREG(about.st_mode) or about.st_size != wanted.st_size:
                return False
            while block := os.read(ours, BLOCK):
                if os.read(theirs, len(block)) != block:
                    return False
            return True
        except OSError:
            return False
        finally:
            for handle in (ours, theirs):
                if handle >= 0:
                    os.close(handle)

    def _signature(self, name: str) -> Signature:
        """What every change but one through memory shows in."""
        try:
            about = os.lstat(os.path.join(self._work, name))
        except OSError:
            return ()
        return about.st_dev, about.st_ino, about.st_mode, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _files_below(folder: str) -> Iterator[str]:
    for here, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(here, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                yield os.path.relpath(path, folder)


def _copy(source: int, leaf: str, folder: int) -> None:
    mode = 0o755 if os.fstat(source).st_mode & 0o100 else 0o644
    target = os.open(leaf, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        while block := os.read(source, BLOCK):
            while block:
                block = block[os.write(target, block) :]
    finally:
        os.close(target)
