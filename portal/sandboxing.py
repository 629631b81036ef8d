"""Where this campus's notebooks run, as its settings say: for the worker, and for instructors' acts in the portal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from cohorts.database import Database
from cohorts.errors import CampusError
from grader.devices import DevicePool, Devices, WrongDevice, read_devices
from grader.sandbox.base import SandboxUnavailable
from grader.sandbox.container_plan import ContainerKind
from grader.sandbox.detect import best_sandbox
from grader.sandboxes import Containers, Sandboxes
from portal.declared_hardware import open_hardware
from portal.leased_devices import LeasedDevices
from portal.settings import PortalSettings, SettingsError


class NoSandbox(CampusError):
    """This machine, as it is set up, can't run an instructor's code, or not safely."""

    status = 503


def build_sandboxes(settings: PortalSettings, name: str, leased: DevicePool | None = None) -> Sandboxes:
    """The sandboxes of the process called `name`. Raises SandboxUnavailable and SettingsError; the caller closes them.

    An engine is not asked before the first job that needs it.
    """
    containers = build_containers(settings, name, leased)
    own = best_sandbox(production=settings.production, hidden=[settings.data], insist=settings.isolation_required)
    return Sandboxes(own, containers)


def leased_devices(settings: PortalSettings, database: Database, name: str) -> DevicePool | None:
    """The slices of BITGOEUL_WORKER_NODE, which markings share with people; None where it isn't set."""
    if not settings.worker_node:
        return None
    hardware = open_hardware(settings)
    return LeasedDevices(database, hardware, node=settings.worker_node, worker=name, timezone=settings.timezone)


def build_containers(settings: PortalSettings, name: str, leased: DevicePool | None = None) -> Containers | None:
    """How work is marked in containers here; None where no image is set. Raises SettingsError.

    With `leased`, devices are shared with people instead of kept for marking.
    """
    devices = devices_of(settings)
    if not settings.worker_image:
        return None
    from grader.sandbox.container import ContainerSandbox

    box = ContainerSandbox(ContainerKind(settings.worker_image), worker=name)
    pool = leased or Devices(settings.data / "devices", devices)
    return Containers(box, settings.worker_image, pool)


def devices_of(settings: PortalSettings) -> dict[str, tuple[str, ...]]:
    """Ids of the devices for marking, by kind. Raises SettingsError."""
    try:
        devices = read_devices(settings.worker_devices)
    except WrongDevice as error:
        raise SettingsError(f"BITGOEUL_WORKER_DEVICES: {error}.") from None
    if devices and settings.worker_node:
        raise SettingsError(
            "BITGOEUL_WORKER_DEVICES and BITGOEUL_WORKER_NODE are both set: a device is either kept for marking or "
            "leased from the node's inventory. Keep one of them."
        )
    if settings.worker_node and not settings.worker_image:
        raise SettingsError(
            "BITGOEUL_WORKER_NODE is set, and leased devices are for containers: set BITGOEUL_WORKER_IMAGE."
        )
    if devices and not settings.worker_image:
        raise SettingsError(
            "BITGOEUL_WORKER_DEVICES is set, and devices are for containers: set BITGOEUL_WORKER_IMAGE too, such as "
            "bitgoeul-marking."
        )
    return devices


@contextmanager
def instructors_sandboxes(settings: PortalSettings) -> Iterator[Sandboxes]:
    """Where instructors' notebooks and configuration run: they are code, and the portal holds every secret.

    Raises NoSandbox, also for what turns out to be missing meanwhile.
    """
    try:
        with closing(build_sandboxes(settings, "portal")) as sandboxes:
            yield sandboxes
    except SandboxUnavailable as error:
        raise NoSandbox(error.message, error.korean) from error
