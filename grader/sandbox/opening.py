"""Opening a job on a warm parent: what is asked of the parent, and what becomes of a failure.

Owns the second try: a parent may die between two jobs, and no student should hear of it. Everything else that goes
wrong before a job's first cell means that this machine can't do it: SandboxUnavailable, with the step and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from threading import Event
from typing import Any

from grader.sandbox import control
from grader.sandbox.base import Opening, SandboxUnavailable
from grader.sandbox.cgroups import MemoryGroups
from grader.sandbox.execution import build_limits
from grader.sandbox.interpreters import ForkedInterpreters, SetUpFailed
from grader.sandbox.namespaces import advise
from grader.sandbox.parents import ParentFailed, Parents, WarmParent


def open_fork(
    parents: Parents,
    opening: Opening,
    extra: Mapping[str, Any],
    groups: MemoryGroups | None,
    cancel: Event | None,
    on_close: Callable[[], object] = lambda: None,
) -> ForkedInterpreters:
    """Start a job on a warm parent; once more on a new one when the parent was lost meanwhile."""
    request = {
        "judged": opening.judged,
        "limits": build_limits(opening.limits),
        "environment": dict(opening.environment),
        **extra,
    }
    for last in (False, True):
        try:
            parent = parents.take(opening.imports)
        except (ParentFailed, OSError) as error:
            raise unavailable(str(error)) from None
        try:
            return ForkedInterpreters(
                parent, opening, request, groups, cancel, partial(_over, parents, parent, on_close)
            )
        except (control.ChannelClosed, control.NoAnswer, TimeoutError) as error:
            if last:
                raise unavailable(f"a job's processes went away while they were set up ({error})") from None
        except (SetUpFailed, OSError) as error:
            raise unavailable(str(error)) from None
    raise AssertionError


def _over(parents: Parents, parent: WarmParent, on_close: Callable[[], object]) -> None:
    parents.give_back(parent)
    on_close()


def unavailable(reason: str) -> SandboxUnavailable:
    """Why no job can be started, in both languages, with what to do."""
    english, korean = advise(reason)
    return SandboxUnavailable(
        f"The fork sandbox can't be set up here: {reason}. {english}".strip(),
        f"이 컴퓨터에서 포크 샌드박스를 만들 수 없습니다: {reason}. {korean}".strip(),
    )
