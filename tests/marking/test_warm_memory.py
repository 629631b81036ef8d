"""A warm parent's memory: objects side by side, huge pages where the kernel collapses, nothing held without need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grader.sandbox.warm_memory import HUGE, SPARE

ROOT = Path(__file__).parents[2]
LOOK = """
import json, mmap, sys
sys.path.insert(0, sys.argv[1])
from grader.sandbox import warm_memory

def status(name):
    return next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith(name)) * 1024

def huge():
    return sum(int(line.split()[1]) for line in open('/proc/self/smaps') if line.startswith('AnonHugePages')) * 1024

before = status('RssAnon')
memory = warm_memory.WarmMemory() if sys.argv[2] == 'in time' else None
objects, empty = [], []
for number in range(200):  # libraries are mapped between one import's objects and the next one's
    objects += [bytes(400) for _ in range(260)]
    empty.append(mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ))
empty += [mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE), mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)]
collapsed = (memory or warm_memory.WarmMemory()).settle()
print(json.dumps({
    'collapsed': collapsed,
    'huge': huge(),
    'objects': sum(map(sys.getsizeof, objects)),
    'held': status('RssAnon') - before,
}))
"""


def look(when: str) -> dict[str, Any]:
    """What came of a process whose memory was laid out `in time`, or too late."""
    command = [sys.executable, "-I", "-c", LOOK, str(ROOT), when]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def laid_out() -> dict[str, Any]:
    return look("in time")


def test_objects_lie_in_huge_pages_whatever_is_mapped_between_them(laid_out: dict[str, Any]) -> None:
    late = look("too late")
    assert laid_out["huge"] == laid_out["collapsed"] * HUGE
    if _collapses():
        assert laid_out["huge"] > late["huge"] + laid_out["objects"] / 4
    else:
        assert laid_out["huge"] == late["huge"] == 0


def test_what_the_imports_leave_is_given_back_and_what_is_empty_stays_so(laid_out: dict[str, Any]) -> None:
    assert laid_out["held"] < laid_out["objects"] * 1.15 + SPARE + 3 * HUGE


def _collapses() -> bool:
    """Whether this kernel has MADV_COLLAPSE: Linux 6.1 with transparent huge pages."""
    release = tuple(int(part) for part in Path("/proc/sys/kernel/osrelease").read_text().split("-")[0].split(".")[:2])
    enabled = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return release >= (6, 1) and enabled.exists() and "[never]" not in enabled.read_text()
