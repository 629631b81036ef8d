"""Which sandbox this machine can do. `bitgoeul doctor` prints `probe()`; the worker takes `best_sandbox()`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from courses.model import Text
from grader.sandbox.base import Layer, Sandbox, SandboxUnavailable
from grader.sandbox.fork import ForkSandbox
from grader.sandbox.process import ProcessSandbox


def probe() -> list[Layer]:
    """Every layer of the fork sandbox, with whether it holds on this machine and why."""
    if not sys.platform.startswith("linux"):
        text = Text(ko="샌드박스는 리눅스에서만 동작합니다.", en="The sandbox needs Linux.")
        return [Layer("namespaces", False, text)]
    sandbox = ForkSandbox()
    try:
        return sandbox.layers()
    finally:
        sandbox.close()


def best_sandbox(*, production: bool = False, hidden: Iterable[Path] = (), insist: bool = False) -> Sandbox:
    """The strongest sandbox this machine can do; `hidden` folders stay invisible in it.

    Without namespaces it falls back to the process sandbox, loudly; in production, or where the caller insists on
    isolation, it raises SandboxUnavailable instead, with what is missing and what to do.
    """
    if not sys.platform.startswith("linux"):
        if insist:
            raise SandboxUnavailable("The sandbox needs Linux.", "샌드박스는 리눅스에서만 동작합니다.")
        return ProcessSandbox(production=production)
    sandbox = ForkSandbox(hidden)
    try:
        return sandbox.require()
    except SandboxUnavailable:
        sandbox.close()
        if production or insist:
            raise
        return ProcessSandbox(production=production)
