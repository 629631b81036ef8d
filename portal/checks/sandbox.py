"""Where notebooks of students run: what isolates them on this machine, layer by layer."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from grader.sandbox.base import Layer
from portal.checks.finding import Finding
from portal.settings import PortalSettings, SettingsError

#: kernel settings that keep an ordinary account from making namespaces: the value that does, and the remedy
USER_NAMESPACES = (
    ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
    ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "give the graders an AppArmor profile that allows userns, or sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)


def examine_sandbox(settings: PortalSettings) -> list[Finding]:
    """The layers of the sandbox of processes, and of containers where graders are told to use any."""
    from grader.sandbox import probe

    return [*(_layer(layer) for layer in probe()), *_containers(settings)]


def user_namespaces(proc_sys: Path = Path("/proc/sys")) -> Finding:
    """Whether the kernel lets graders make user namespaces."""
    for name, closed, remedy in USER_NAMESPACES:
        path = proc_sys / name
        if path.is_file() and path.read_text().strip() == closed:
            return Finding("User namespaces", "weak", f"{name.replace('/', '.')} is {closed}", remedy)
    return Finding("User namespaces", "ok", "graders may make them")


def _containers(settings: PortalSettings) -> list[Finding]:
    """What holds in containers, where graders are told to use any."""
    from portal.sandboxing import build_containers

    try:
        containers = build_containers(settings, "doctor")
    except SettingsError as error:
        return [Finding("Containers", "missing", str(error))]
    if containers is None:
        return []
    with closing(containers.sandbox) as sandbox:
        return [_layer(layer, "Container") for layer in sandbox.layers()]


def _layer(layer: Layer, kind: str = "Sandbox") -> Finding:
    name = f"{kind}: {layer.name}"
    if layer.holds:
        return Finding(name, "ok", "holds")
    if layer.substitute is not None:
        return Finding(name, "weak", layer.substitute.en, layer.reason.en)
    return Finding(name, "weak", "does not hold", layer.reason.en)
