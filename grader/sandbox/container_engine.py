"""The container engine, as jobs need it. The one module that knows Docker's SDK.

Owns what the engine's errors mean, in both languages. The engine is the one that the environment names (DOCKER_HOST and
its kin). Never pulls an image: no student waits for one, and no job chooses one.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import docker
import docker.errors
import requests

from grader.sandbox.base import SandboxAway, SandboxUnavailable
from grader.sandbox.container_plan import USER, ContainerPlan, Tmpfs, build_host_config

ANSWERS_WITHIN = 60


@dataclass(frozen=True)
class Found:
    """A container or volume that is there: its id or name, its labels, whether it runs, its age in seconds."""

    id: str
    labels: Mapping[str, str]
    running: bool
    age: float


class Engine:
    """One engine. Safe to call from several threads."""

    def __init__(self, api: Any) -> None:
        self._api = api

    @classmethod
    def from_environment(cls) -> Engine:
        """The engine that the environment names. SandboxAway when it doesn't answer."""
        where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        try:
            _knock(where)
            settings = docker.utils.kwargs_from_env()
            return cls(docker.APIClient(**settings, version="auto", timeout=ANSWERS_WITHIN))
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
            raise SandboxAway(
                f"No container engine answers at {where} ({error}). Start Docker, or set DOCKER_HOST.",
                f"{where}에서 컨테이너 엔진이 응답하지 않습니다({error}). Docker를 켜거나 DOCKER_HOST를 설정하세요.",
            ) from None

    def limits_memory(self) -> bool:
        """Whether the kernel counts containers' memory."""
        return bool(self._api.info().get("MemoryLimit"))

    def has_image(self, image: str) -> bool:
        """Whether that image is on this engine."""
        try:
            with _told():
                self._api.inspect_image(image)
        except docker.errors.NotFound:
            return False
        return True

    def create(self, plan: ContainerPlan) -> str:
        """Make a container, not yet started; its id. SandboxUnavailable where this engine can't."""
        with _told(plan):
            made = self._api.create_container(
                image=plan.image,
                entrypoint=plan.command[:1],
                command=list(plan.command[1:]),
                user=USER,
                hostname="sandbox",
                working_dir="/",
                environment=dict(plan.environment),
                labels=dict(plan.labels),
                stdin_open=True,
                healthcheck={"test": ["NONE"]},
                host_config=build_host_config(plan),
            )
            container: str = made["Id"]
            return container

    def attach(self, container: str) -> socket.socket:
        """A stream to the container's standard input and from its output, framed as Docker does. Before it starts."""
        with _told():
            params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            handle = self._api.attach_socket(container, params)
            if isinstance(handle, ssl.SSLSocket):
                return handle
            stream = socket.socket(fileno=os.dup(handle.fileno()))
            handle._response.close()  # and with it the connection, which nothing else can use any more
            return stream

    def start(self, container: str, plan: ContainerPlan) -> None:
        with _told(plan):
            self._api.start(container)

    def signal(self, container: str, number: int) -> None:
        """Send a signal to the container's first process, if it is still there."""
        with _told(), contextlib.suppress(docker.errors.APIError):
            self._api.kill(container, int(number))

    def out_of_memory(self, container: str, within: float) -> bool:
        """Wait until the container has ended, `within` seconds at most; whether the kernel ended it for its memory."""
        deadline = time.monotonic() + within
        while True:
            state = self._state(container)
            if not state.get("Running", False) or time.monotonic() > deadline:
                return bool(state.get("OOMKilled", False))
            time.sleep(0.02)

    def gone(self, container: str, within: float) -> bool:
        """Whether the container ends within so many seconds."""
        deadline = time.monotonic() + within
        while self._state(container).get("Running", False):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def remove(self, container: str) -> None:
        """Kill and remove a container; nothing if it isn't there."""
        with _told(), _gone_or_busy():
            self._api.remove_container(container, v=True, force=True)

    def create_volume(self, name: str, size: Tmpfs, labels: Mapping[str, str]) -> None:
        """A memory-backed folder that several containers can share."""
        with _told():
            options = {"type": "tmpfs", "device": "tmpfs", "o": size.options}
            self._api.create_volume(name, driver="local", driver_opts=options, labels=dict(labels))

    def remove_volume(self, name: str) -> None:
        """Remove a volume; nothing if it isn't there, or is in use."""
        with _told(), _gone_or_busy():
            self._api.remove_volume(name)

    def containers(self, label: str) -> list[Found]:
        """All containers with that label."""
        with _told():
            found = self._api.containers(all=True, filters={"label": label})
        return [
            Found(one["Id"], one["Labels"], one["State"] == "running", time.time() - one["Created"]) for one in found
        ]

    def volumes(self, label: str) -> list[Found]:
        """All volumes with that label. Whether they are in use isn't known: none is said to run."""
        with _told():
            found = self._api.volumes(filters={"label": label})["Volumes"] or []
        return [
            Found(
                one["Name"],
                one["Labels"] or {},
                False,
                time.time() - datetime.fromisoformat(one["CreatedAt"]).timestamp(),
            )
            for one in found
        ]

    def close(self) -> None:
        self._api.close()

    def _state(self, container: str) -> dict[str, Any]:
        try:
            with _told():
                state: dict[str, Any] = self._api.inspect_container(container)["State"]
        except docker.errors.NotFound:
            return {}
        return state


def _knock(where: str) -> None:
    """Raise OSError where nobody listens: the SDK would leave an open socket behind."""
    if where.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as trial:
            trial.connect(where.removeprefix("unix://"))


@contextlib.contextmanager
def _gone_or_busy() -> Iterator[None]:
    """What is being removed may be gone already, or somebody else is removing it."""
    try:
        yield
    except docker.errors.APIError as error:
        if error.status_code not in (404, 409):
            raise


@contextlib.contextmanager
def _told(plan: ContainerPlan | None = None) -> Iterator[None]:
    """The engine's failures as SandboxUnavailable, with what to do; what isn't there any more stays NotFound.

    An engine that can't be reached is SandboxAway.
    """
    try:
        yield
    except docker.errors.ImageNotFound as error:
        if plan is None:
            raise
        image = plan.image
        raise SandboxUnavailable(
            f"The image {image!r} is not on this machine; pull or build it first (docker pull {image}). [{error}]",
            f"이 컴퓨터에 이미지 {image!r}이(가) 없습니다. 먼저 내려받거나 만드세요(docker pull {image}). [{error}]",
        ) from None
    except docker.errors.NotFound:
        raise
    except docker.errors.APIError as error:
        raise _refused(str(error.explanation or error), plan) from None
    except (requests.exceptions.RequestException, OSError) as error:
        raise SandboxAway(
            f"The container engine does not answer any more ({error}). Look whether Docker runs.",
            f"컨테이너 엔진이 더 이상 응답하지 않습니다({error}). Docker가 실행 중인지 확인하세요.",
        ) from None


def _refused(reason: str, plan: ContainerPlan | None) -> SandboxUnavailable:
    if plan is not None and plan.devices and ("could not select device driver" in reason or "nvidia" in reason):
        devices = ", ".join(plan.devices)
        return SandboxUnavailable(
            f"This machine can't give containers a GPU (asked for: {devices}): {reason}. Install NVIDIA's driver and "
            "nvidia-container-toolkit, run `nvidia-ctk runtime configure`, and restart Docker.",
            f"이 컴퓨터에서는 컨테이너에 GPU를 줄 수 없습니다(요청: {devices}): {reason}. NVIDIA 드라이버와 "
            "nvidia-container-toolkit을 설치하고 `nvidia-ctk runtime configure`를 실행한 뒤 Docker를 다시 시작하세요.",
        )
    if plan is not None and '"python3"' in reason and "not found" in reason:
        return SandboxUnavailable(
            f"The image {plan.image!r} has no python3 on its PATH. Use one with Python 3.11 or newer and ipykernel.",
            f"이미지 {plan.image!r}의 PATH에 python3가 없습니다. Python 3.11 이상과 ipykernel이 있는 이미지를 쓰세요.",
        )
    return SandboxUnavailable(f"The container engine refused: {reason}.", f"컨테이너 엔진이 거절했습니다: {reason}.")
