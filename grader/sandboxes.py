"""The sandboxes of one process: which one a job gets, and what it holds meanwhile.

Owns the choice. Work on the processor in the campus's own image is forked; all else gets a container, where this
process was given an image to run without being named one (see `grader.needs`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from grader.devices import DevicePool, Lent
from grader.needs import ON_PROCESSOR, OTHER_IMAGE, needs_of
from grader.sandbox.base import Sandbox, SandboxUnavailable
from grader.sandbox.container_plan import ContainerKind

if TYPE_CHECKING:  # importing the engine's SDK takes long, and most workers need none
    from grader.sandbox.container import ContainerSandbox

REST = 10.0


@dataclass(frozen=True)
class Containers:
    """How this process marks in containers: the sandbox on its engine, the image of work that names none, devices."""

    sandbox: ContainerSandbox
    image: str
    devices: DevicePool

    def box(self, image: str | None, device: Lent | None) -> Sandbox:
        """Containers of `image`, with `device`."""
        return self.sandbox.using(ContainerKind(image or self.image, (device.name,) if device else ()))

    @property
    def serves(self) -> tuple[str, ...]:
        """The lanes of the queue that are marked in containers here."""
        return (OTHER_IMAGE, *self.devices.kinds)


class Grant:
    """What one job holds: the right to a sandbox, and a device if it needs one. Closing gives it back."""

    def __init__(self, forked: Sandbox, containers: Containers | None = None, device: Lent | None = None) -> None:
        self._forked, self._containers, self._device = forked, containers, device

    @property
    def weight(self) -> int:
        """How many memory limits the job may fill: in containers each side has one of its own."""
        return 1 if self._containers is None else 2

    def sandbox(self, image: str | None) -> Sandbox:
        """Where a job in that image runs (None: the one that is usual here)."""
        return self._forked if self._containers is None else self._containers.box(image, self._device)

    def recalled(self) -> bool:
        """Whether the job is to give its device back before it is done."""
        return self._device is not None and self._device.recalled()

    def close(self) -> None:
        if self._device is not None:
            self._device.close()

    def __enter__(self) -> Grant:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Sandboxes:
    """What a worker or a portal has to run notebooks in. `forked` is for all work on the processor."""

    def __init__(self, forked: Sandbox, containers: Containers | None = None) -> None:
        self.forked = forked
        self.containers = containers
        self._resting: dict[str, float] = {}

    @classmethod
    def of(cls, sandbox: Sandbox | Sandboxes) -> Sandboxes:
        """`sandbox` itself, or with a bare one what runs work on the processor alone."""
        return sandbox if isinstance(sandbox, Sandboxes) else cls(sandbox)

    def serves(self, places: int) -> dict[str, int]:
        """The lanes of the queue that are served here, with how many jobs of each run at once at most."""
        if self.containers is None:
            return {ON_PROCESSOR: places}
        devices = self.containers.devices
        kinds = {kind: min(places, devices.count(kind)) for kind in devices.kinds}
        return {ON_PROCESSOR: places, OTHER_IMAGE: max(1, places // 2), **kinds}

    def take(self, needs: str) -> Grant | None:
        """What a job of that lane needs; None where it isn't to be had now, or not here."""
        if needs == ON_PROCESSOR:
            return Grant(self.forked)
        if self.containers is None or time.monotonic() < self._resting.get(needs, 0.0):
            return None
        if needs == OTHER_IMAGE:
            return Grant(self.forked, self.containers)
        device = self.containers.devices.take(needs)
        return Grant(self.forked, self.containers, device) if device else None

    def require(self, needs: str) -> Grant:
        """What `take` gives. Raises SandboxUnavailable, with what to do, where there is none."""
        grant = self.take(needs)
        if grant is None:
            raise _not_here(needs, self.containers.serves if self.containers else ())
        return grant

    @contextmanager
    def lend(self, hardware: str, image: str | None) -> Iterator[Sandbox]:
        """Where work on that hardware, in that image, runs. Raises SandboxUnavailable where it can't."""
        with self.require(needs_of(hardware, image)) as grant:
            yield grant.sandbox(image)

    def rest(self, needs: str) -> None:
        """Take no job of that lane for a while: its engine does not answer."""
        self._resting[needs] = time.monotonic() + REST

    def close(self) -> None:
        """End what is kept between jobs."""
        self.forked.close()
        if self.containers is not None:
            self.containers.sandbox.close()


def _not_here(needs: str, served: Iterable[str]) -> SandboxUnavailable:
    if needs in served:
        return SandboxUnavailable(
            f"All devices of the kind {needs} are in use, or their engine does not answer. Try again in a minute.",
            f"{needs} 장치가 모두 쓰이고 있거나 컨테이너 엔진이 응답하지 않습니다. 잠시 뒤에 다시 하세요.",
        )
    if needs == OTHER_IMAGE:
        return SandboxUnavailable(
            "This assignment names an image of its own, and no image for containers is set here. Set "
            "BITGOEUL_WORKER_IMAGE, and DOCKER_HOST where Docker is on another machine.",
            "이 과제는 따로 정한 이미지에서 실행되는데, 컨테이너용 이미지가 설정되어 있지 않습니다. "
            "BITGOEUL_WORKER_IMAGE를 설정하고, Docker가 다른 컴퓨터에 있으면 DOCKER_HOST도 설정하세요.",
        )
    return SandboxUnavailable(
        f"This assignment runs on {needs}, and this machine has no such device. Set BITGOEUL_WORKER_IMAGE and "
        f"BITGOEUL_WORKER_DEVICES={needs}=ID.",
        f"이 과제는 {needs}에서 실행되는데, 이 컴퓨터에는 그런 장치가 없습니다. BITGOEUL_WORKER_IMAGE와 "
        f"BITGOEUL_WORKER_DEVICES={needs}=ID를 설정하세요.",
    )
