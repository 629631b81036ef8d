"""What this server's kernels do, as its kernel manager knows it. The one module that knows the kernel manager."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Activity:
    """How many kernels compute, and when any last did something."""

    busy: int
    last: datetime


def read_activity(manager: Any) -> Activity:
    """The activity of all kernels of a `MappingKernelManager`; of one without kernels, when it last had any."""
    states = [kernel["execution_state"] for kernel in manager.list_kernels()]
    return Activity(busy=states.count("busy"), last=manager.last_kernel_activity)
