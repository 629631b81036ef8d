"""Waiting in tests for what happens in another process or thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 60, every: float = 0.05) -> Any:
    """The first true value of `condition`; fails with `what` when it does not come in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(every)
    return value
