"""How the memory of a warm parent lies: Python's objects side by side, in huge pages where the kernel has them.

A fork copies an entry for every page that its parent holds, and its end gives every entry back; for a huge page that is
one entry, divided only where the fork writes. Imports map libraries between Python's arenas and leave none of them room
enough for a huge page, so the arenas are made first. Where the kernel collapses nothing (before Linux 6.1) it costs
more, and works as well.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from itertools import pairwise

ARENA = 1 << 20  # what CPython asks the kernel for at a time
POOL = 1 << 14  # what it gives to blocks of one size at a time
BLOCK = 512  # the largest of these
HEADER = 33  # of a bytes object
HUGE = 2 << 20
PAGE = mmap.PAGESIZE
ROOM = 96 << 20  # for the objects of all imports; what they leave is given back
GAPS = 128  # so many arenas might find room between what is mapped already
SPARE = 8 << 20  # for the objects of jobs
COLLAPSE = 25  # MADV_COLLAPSE


class WarmMemory:
    """The arenas of a process that is about to import much and to fork often."""

    def __init__(self) -> None:
        self._pins: list[bytes] = []
        gaps = [mmap.mmap(-1, ARENA, mmap.MAP_PRIVATE, mmap.PROT_READ) for _ in range(GAPS)]
        self._make_arenas(ROOM)
        for gap in gaps:
            gap.close()

    def settle(self) -> int:
        """After the imports: give unused arenas back, and make huge pages of the rest. Returns how many."""
        self._pins.clear()
        self._make_arenas(SPARE)
        libc = ctypes.CDLL(None)
        return sum(
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(HUGE), COLLAPSE) == 0
            for start in list(_places())
            if _is_mostly_there(libc, start)
        )

    def _make_arenas(self, size: int) -> None:
        """Have arenas of `size` bytes in a row; a block in each, and no more, keeps it from being given back.

        CPython cuts an arena from its start to its end, and fills those first that have least room left.
        """
        blocks = [bytes(BLOCK - HEADER) for _ in range(size // BLOCK)]
        self._pins += (block for before, block in pairwise(blocks) if not 0 < id(block) - id(before) <= POOL)


def _places() -> Iterator[int]:
    """Where a huge page could lie in this process's own memory."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            span, rights, _, _, _, *name = line.split(None, 5)
            if rights == "rw-p" and (not name or name[0].strip() == "[heap]"):
                start, end = (int(address, 16) for address in span.split("-"))
                yield from range(-(-start // HUGE) * HUGE, end // HUGE * HUGE, HUGE)


def _is_mostly_there(libc: ctypes.CDLL, start: int) -> bool:
    pages = HUGE // PAGE
    there = (ctypes.c_ubyte * pages)()
    if libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(HUGE), there) != 0:
        return False
    return sum(present & 1 for present in there) > pages // 2
