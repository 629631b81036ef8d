"""What an engine and a hub's log tell of one start, afterwards: when its parts ended, and what its container holds.

Times are the machine's clock, in seconds since 1970; engine, hub and this process read the same one.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

MIB = 1 << 20
#: what a Jupyter server logs when it has loaded everything and answers
RUNNING = b"is running at"
_TOOK = re.compile(r"^\[I (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) .*\] User (\S+) took [\d.]+ seconds to start", re.M)


@dataclass(frozen=True)
class Start:
    """One start: when it was asked for, when the server was ready, when JupyterLab's page was there."""

    username: str
    clicked: float
    ready: float
    page: float = 0.0
    cpu: float = 0.0

    @property
    def seconds(self) -> float:
        return self.ready - self.clicked


@dataclass(frozen=True)
class Parts:
    """Seconds of a start, part by part; together they are the start. `before` is what precedes the first call."""

    before: float
    create: float
    start: float
    server: float
    check: float
    route: float


@dataclass(frozen=True)
class Memory:
    """What a container holds, in MiB: its processes' own memory, and that with the files the kernel keeps in use."""

    own: float
    working_set: float


def parts_of(api: Any, container: str, start: Start, hub_log: Path) -> Parts:
    """The parts of a start through a hub."""
    created = _moment(api.inspect_container(container)["Created"])
    made, started = (_event(api, container, action, start) for action in ("create", "start"))
    running = _running(api, container)
    checked = _checked(hub_log, start.username)
    return Parts(
        before=created - start.clicked,
        create=made - created,
        start=started - made,
        server=running - started,
        check=checked - running,
        route=start.ready - checked,
    )


def memory_of(api: Any, container: str) -> Memory:
    """What it holds now."""
    told = api.stats(container, stream=False, one_shot=True)["memory_stats"]
    kept = told["stats"]
    own = kept["total_rss"] if "total_rss" in kept else kept["anon"]  # cgroup v1, v2
    unused = kept["total_inactive_file"] if "total_inactive_file" in kept else kept["inactive_file"]
    return Memory(own / MIB, (told["usage"] - unused) / MIB)


def cpu_of(api: Any, container: str) -> float:
    """Processor time of a container so far, in seconds."""
    told = api.stats(container, stream=False, one_shot=True)
    return float(told["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


def _event(api: Any, container: str, action: str, start: Start) -> float:
    """When the engine had done it, by its own events."""
    told = api.events(
        since=int(start.clicked) - 1,
        until=int(time.time()) + 1,
        filters={"container": container, "event": action},
        decode=True,
    )
    return float(next(iter(told))["timeNano"]) / 1e9


def _running(api: Any, container: str) -> float:
    for line in api.logs(container, timestamps=True).splitlines():
        if RUNNING in line:
            return _moment(line.split(b" ", 1)[0].decode())
    raise RuntimeError(f"{container} never said that it runs")


def _checked(log: Path, username: str) -> float:
    """When the hub had seen the server answer."""
    found = [moment for moment, name in _TOOK.findall(log.read_text(errors="replace")) if name == username]
    return datetime.strptime(found[-1], "%Y-%m-%d %H:%M:%S.%f").timestamp()


def _moment(text: str) -> float:
    """Docker's times have nanoseconds, of which datetime takes six digits."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6] or '0'}+00:00").timestamp()
