"""The worker's end of a job's process tree: starts it, reads what it sends, ends it in time.

Owns the deadline, the cap on what is read, and the watch over the job's memory. Everything read here is untrusted.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from grader.sandbox.base import Cancelled

PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
START = "import sys; sys.path.insert(0, sys.argv[1]); from grader.sandbox.enter import main; main()"
START_ALLOWANCE = 60.0  # seconds an interpreter and a kernel may take to come up on a busy machine
TICK = 0.1
LOG_KEPT = 64 * 1024
KILL_AFTER = 5.0


@dataclass
class Tree:
    """What came out of a process tree: lines of output, a log, and how it ended."""

    code: int = 0
    log: bytes = b""
    timed_out: bool = False
    out_of_memory: bool = False
    overflowed: bool = False
    seconds: float = 0.0
    lines: list[bytes] = field(default_factory=list)


def run_tree(
    spec: dict[str, Any],
    payload: bytes,
    *,
    wall: float,
    memory: int,
    output: int,
    cancel: Event | None = None,
    on_line: Callable[[bytes], None] | None = None,
) -> Tree:
    """Run the tree that `spec` describes (see `enter`) until it ends or a limit is met.

    The clock of `wall` starts at the first line the job sends; before it START_ALLOWANCE holds. `on_line` gets each
    line of output; without it they are collected. Raises Cancelled when `cancel` is set.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", START, str(PACKAGE_ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        start_new_session=True,
    )
    tree = Tree()
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        with contextlib.suppress(BrokenPipeError):  # its log will say why it went
            for block in (json.dumps(spec).encode(), payload):
                process.stdin.write(struct.pack(">Q", len(block)))
                process.stdin.write(block)
            process.stdin.flush()
        _read(process, tree, began, wall, memory, output, cancel, on_line or tree.lines.append)
    finally:
        _end(process, tree)
        tree.seconds = time.monotonic() - began
    return tree


def _read(
    process: subprocess.Popen[bytes],
    tree: Tree,
    began: float,
    wall: float,
    memory: int,
    output: int,
    cancel: Event | None,
    on_line: Callable[[bytes], None],
) -> None:
    deadline = began + START_ALLOWANCE
    started = False
    buffer = bytearray()
    received = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "out")  # type: ignore[arg-type]
        selector.register(process.stderr, selectors.EVENT_READ, "log")  # type: ignore[arg-type]
        checked = time.monotonic()
        while selector.get_map():
            for key, _ in selector.select(TICK):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.data == "log":
                    tree.log = (tree.log + data)[-LOG_KEPT:]
                else:
                    received += len(data)
                    buffer += data
                    if received > output:
                        tree.overflowed = True
                        return
                    if b"\n" in data:
                        *lines, rest = bytes(buffer).split(b"\n")
                        buffer = bytearray(rest)
                        for line in lines:
                            on_line(line)
                        if not started:
                            started = True
                            deadline = time.monotonic() + wall
            now = time.monotonic()
            if cancel is not None and cancel.is_set():
                raise Cancelled
            if now > deadline:
                tree.timed_out = True
                return
            if now - checked >= TICK:
                checked = now
                if resident_memory(process.pid) > memory:
                    tree.out_of_memory = True
                    return


def _end(process: subprocess.Popen[bytes], tree: Tree) -> None:
    """Let go of the supervisor, which ends the tree; wait until all of it is gone."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    with contextlib.suppress(OSError):
        process.stdin.close()
    process.stdout.close()
    deadline = time.monotonic() + KILL_AFTER
    while True:  # the bridge holds the log open until the last process inside is dead
        if not _drain(process, tree, deadline - time.monotonic()):
            break
        if time.monotonic() > deadline:
            process.kill()
            break
    process.stderr.close()
    try:
        tree.code = process.wait(KILL_AFTER)
    except subprocess.TimeoutExpired:
        process.kill()
        tree.code = process.wait()


def _drain(process: subprocess.Popen[bytes], tree: Tree, seconds: float) -> bool:
    assert process.stderr
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        if not selector.select(max(0.0, seconds)):
            return True
    data = os.read(process.stderr.fileno(), 1 << 16)
    tree.log = (tree.log + data)[-LOG_KEPT:]
    return bool(data)


def resident_memory(root: int) -> int:
    """Bytes that `root`'s descendants hold in memory: their own pages and shared ones, not files of the disk."""
    total = 0
    waiting = children_of(root)
    while waiting:
        pid = waiting.pop()
        waiting += children_of(pid)
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as handle:
                for line in handle:
                    if line.startswith(("RssAnon:", "RssShmem:")):
                        total += int(line.split()[1]) * 1024
        except (OSError, ValueError):
            continue
    return total


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as handle:
                found += [int(word) for word in handle.read().split()]
        except OSError:
            continue
    return found
