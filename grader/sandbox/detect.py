"""Which sandbox this machine can do. `bitgoeul doctor` prints `probe()`; the worker takes `best_sandbox()`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from courses.model import Text
from grader.sandbox.base import Layer, Sandbox, SandboxUnavailable
from grader.sandbox.namespaces import NamespaceSandbox
from grader.sandbox.process import ProcessSandbox


def probe() -> list[Layer]:
    """Every layer of the namespace sandbox, with whether it holds on this machine and why."""
    if not sys.platform.startswith("linux"):
        text = Text(ko="네임스페이스 샌드박스는 리눅스에서만 동작합니다.", en="The namespace sandbox needs Linux.")
        return [Layer("namespaces", False, text)]
    return NamespaceSandbox().layers()


def best_sandbox(*, production: bool = False, hidden: Iterable[Path] = (), insist: bool = False) -> Sandbox:
    """The strongest sandbox this machine can do; `hidden` folders stay invisible in it.

    Without namespaces it falls back to the process sandbox, loudly; in production, or where the caller insists on
    isolation, it raises SandboxUnavailable instead, with what is missing and what to do.
    """
    if not sys.platform.startswith("linux"):
        if insist:
            raise SandboxUnavailable(
                "The namespace sandbox needs Linux.", "네임스페이스 샌드박스는 리눅스에서만 동작합니다."
            )
        return ProcessSandbox(production=production)
    try:
        return NamespaceSandbox(hidden).require()
    except SandboxUnavailable:
        if production or insist:
            raise
        return ProcessSandbox(production=production)
