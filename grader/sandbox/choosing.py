"""Which sandbox a job takes. Pure.

Owns the rule: what needs a GPU, or an image other than the campus's own, goes into a container; all other work is
forked; the process sandbox isolates nothing, so production never gets it. Refuses to go on with less than a job needs.
"""

from __future__ import annotations

from enum import StrEnum

from grader.sandbox.base import SandboxUnavailable

ON_PROCESSOR = "cpu"


class Kind(StrEnum):
    """The sandboxes there are for marking."""

    FORK = "fork"
    CONTAINER = "container"
    PROCESS = "process"


def sandbox_for(hardware: str, image: str | None, *, own_image: str | None, namespaces: bool, production: bool) -> Kind:
    """The sandbox for a job on `hardware` ("cpu", or a kind of GPU) in `image` (None: the campus's own).

    `own_image` is what the campus's own image is called, if it has one; `namespaces` whether this machine can fork into
    namespaces. Raises SandboxUnavailable where only the process sandbox is left, in production.
    """
    if hardware != ON_PROCESSOR or (image is not None and image != own_image):
        return Kind.CONTAINER
    if namespaces:
        return Kind.FORK
    if not production:
        return Kind.PROCESS
    raise SandboxUnavailable(
        "This machine can't isolate students' code (no namespaces), and in production none runs without. Allow user "
        "namespaces, or run the worker as root; `bitgoeul doctor` says what is missing.",
        "이 컴퓨터에서는 학생 코드를 격리할 수 없고(네임스페이스 없음), 운영 환경에서는 격리 없이 실행하지 않습니다. "
        "사용자 네임스페이스를 허용하거나 워커를 root로 실행하세요. 무엇이 빠졌는지는 `bitgoeul doctor`가 알려 줍니다.",
    )
