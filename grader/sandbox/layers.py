"""Which layers a namespace sandbox must have, and how a look from inside tells whether each one holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from courses.model import Text
from grader.sandbox.base import Layer

MOST_PROCESSES = 4


@dataclass(frozen=True)
class Check:
    """A layer's name, how to see that it holds, and what to say in either case."""

    name: str
    holds: Callable[[dict[str, Any]], bool]
    yes: Text
    no: Text


CHECKS = (
    Check(
        "user",
        lambda seen: seen["uid"] not in (0, 65534),
        Text("권한 없는 사용자로 실행합니다.", "Jobs run as an unprivileged user."),
        Text("작업이 권한 있는 사용자로 실행됩니다.", "Jobs run as a privileged user."),
    ),
    Check(
        "capabilities",
        lambda seen: seen["capabilities"] == 0 and seen["no_new_privs"],
        Text("모든 권한(capability)을 버리고 새로 얻을 수 없습니다.", "No capabilities, and no way to gain any."),
        Text("권한(capability)이 남아 있습니다.", "Capabilities remain."),
    ),
    Check(
        "files",
        lambda seen: not seen["root_writable"] and seen["work_writable"],
        Text(
            "루트는 전용이고 읽기 전용입니다.",
            "The root is private and read-only; only scratch is writable.",
        ),
        Text("전용 루트가 읽기 전용이 아닙니다.", "The private root is not read-only."),
    ),
    Check(
        "processes",
        lambda seen: seen["processes"] <= MOST_PROCESSES,
        Text("다른 프로세스가 보이지 않습니다.", "Other processes are invisible."),
        Text("다른 프로세스가 보입니다.", "Other processes are visible."),
    ),
    Check(
        "network",
        lambda seen: seen["interfaces"] == ["lo"],
        Text("네트워크가 없습니다(빈 루프백만).", "No network: only an empty loopback of its own."),
        Text("네트워크 장치가 보입니다.", "Network devices are visible."),
    ),
    Check(
        "host-name",
        lambda seen: seen["hostname"] == "sandbox",
        Text("호스트 이름이 가려집니다.", "The host's name is hidden."),
        Text("호스트 이름이 보입니다.", "The host's name is visible."),
    ),
    Check(
        "seccomp",
        lambda seen: seen["seccomp"],
        Text("위험한 시스템 호출을 걸러냅니다.", "A filter refuses dangerous system calls."),
        Text("시스템 호출을 거르지 않습니다.", "System calls are not filtered."),
    ),
    Check(
        "nesting",
        lambda seen: not seen["nested_user_namespace"],
        Text("안에서 새 네임스페이스를 만들 수 없습니다.", "No namespaces can be made inside."),
        Text("안에서 새 네임스페이스를 만들 수 있습니다.", "Namespaces can be made inside."),
    ),
)


def layers_of(seen: dict[str, Any] | None, failure: tuple[str, str]) -> list[Layer]:
    """The layers, judged by what a probe saw; all missing, with the failure's sentence, when there was no probe."""
    if seen is None:
        reason = Text(ko=failure[1], en=failure[0])
        return [Layer("namespaces", False, reason)]
    made = Layer(
        "namespaces",
        True,
        Text("작업마다 새 네임스페이스를 씁니다.", "Each job gets namespaces of its own."),
    )
    return [made, *(Layer(c.name, bool(c.holds(seen)), c.yes if c.holds(seen) else c.no) for c in CHECKS)]


def memory_layer(problem: str | None) -> Layer:
    """Whether the kernel counts a job's memory; `problem` says why it doesn't."""
    if problem is None:
        return Layer(
            "memory",
            True,
            Text(
                "작업 전체의 메모리를 커널(cgroup)이 제한합니다.",
                "The kernel limits a job's memory as a whole (cgroup).",
            ),
        )
    return Layer(
        "memory",
        False,
        Text(f"작업용 cgroup을 만들 수 없습니다: {problem}.", f"No control group can be made for a job: {problem}."),
        substitute=Text(
            "대신 메모리를 밖에서 지켜보고, 프로세스마다 주소 공간을 제한합니다.",
            "Memory is watched from outside instead, and each process's address space is limited.",
        ),
    )


def missing_layers(layers: list[Layer]) -> list[Layer]:
    """The layers that do not hold and that nothing stands in for."""
    return [layer for layer in layers if not layer.holds and layer.substitute is None]
