"""Since when a device has been idle, told from its readings alone. Pure: no database, no clock.

Owns the rule, and errs on one side: a device counts as idle only for time that readings vouch for. A reading that is
missing, late, out of order or from the future, and one that doesn't know, vouches for nothing.

What vouches, reading by reading:

* `busy` is known: it is at most `Rule.busy_above`
* `busy` is None (the driver doesn't measure): no process runs on the device; or those that do spend no CPU time to
  speak of, and no kernel of the lab is known to be busy

Between two readings, what the device holds must not have changed: a process that came or went, or memory beyond
`Rule.memory_change`, is somebody at work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Reading:
    """A device at `at` (with a zone), about the time since the reading before. None: not known. Memory in MiB.

    `processes_cpu` are CPU seconds a second of its processes, `busy_kernels` what the lab says of itself.
    """

    at: datetime
    busy: float | None
    memory_used: int | None = None
    processes: int | None = None
    processes_cpu: float | None = None
    busy_kernels: int | None = None


@dataclass(frozen=True)
class Rule:
    """When a device counts as idle. Between two readings further apart than `longest_gap` nothing is known."""

    busy_above: float = 0.02
    cpu_above: float = 0.05
    memory_change: int = 64
    longest_gap: timedelta = timedelta(seconds=60)
    clock_skew: timedelta = timedelta(seconds=5)


@dataclass(frozen=True)
class Activity:
    """What readings told so far: all that has to be kept of them. `quiet_since` is None when the last told of work."""

    last: Reading
    quiet_since: datetime | None


def advance(before: Activity | None, reading: Reading, rule: Rule) -> Activity:
    """The activity after one more reading. One that is older than the last, or as old, is left aside."""
    quiet = _vouches(reading, rule)
    if before is None:
        return Activity(reading, reading.at if quiet else None)
    gap = reading.at - before.last.at
    if timedelta(0) >= gap >= -rule.longest_gap:
        return before
    if not quiet:
        return Activity(reading, None)
    # a clock that was set back begins anew, like one that was silent for too long
    joined = timedelta(0) < gap <= rule.longest_gap and not _changed(before.last, reading, rule)
    return Activity(reading, (before.quiet_since or before.last.at) if joined else reading.at)


def watch(readings: Iterable[Reading], rule: Rule) -> Activity | None:
    """The activity after these readings, in the order in which they came; None after none."""
    activity: Activity | None = None
    for reading in readings:
        activity = advance(activity, reading, rule)
    return activity


def idle_since(activity: Activity | None, *, now: datetime, rule: Rule) -> datetime | None:
    """Since when the device has been idle; None when it isn't, or when the last reading is too old to say so."""
    if activity is None:
        return None
    age = now - activity.last.at
    if age > rule.longest_gap or age < -rule.clock_skew:
        return None
    return activity.quiet_since


def is_idle(activity: Activity | None, *, window: timedelta, now: datetime, rule: Rule) -> bool:
    """Whether the device has been idle for `window`, up to now."""
    since = idle_since(activity, now=now, rule=rule)
    return since is not None and now - since >= window


def _vouches(reading: Reading, rule: Rule) -> bool:
    """Whether the reading says that nothing computed since the one before."""
    if reading.busy is not None:
        return 0 <= reading.busy <= rule.busy_above
    if reading.processes == 0:
        return True
    if reading.processes is None or reading.processes_cpu is None:
        return False
    return reading.processes_cpu <= rule.cpu_above and not reading.busy_kernels


def _changed(before: Reading, after: Reading, rule: Rule) -> bool:
    if None not in (before.processes, after.processes) and before.processes != after.processes:
        return True
    if before.memory_used is None or after.memory_used is None:
        return False
    return abs(after.memory_used - before.memory_used) > rule.memory_change
