"""Containers of the campus's images, as tests start and watch them."""

from __future__ import annotations

import time
from collections.abc import Callable

from docker.models.containers import Container

Run = Callable[..., Container]


def wait_until_healthy(container: Container, seconds: float = 120) -> None:
    """Run the image's own health check inside until it succeeds."""
    check = container.image.attrs["Config"]["Healthcheck"]["Test"]
    command = check[1:] if check[0] == "CMD" else ["/bin/sh", "-c", check[1]]
    deadline = time.monotonic() + seconds
    while (answer := container.exec_run(command)).exit_code != 0:
        container.reload()
        assert container.status == "running", container.logs().decode()
        assert time.monotonic() < deadline, (answer.output, container.logs().decode())
        time.sleep(0.2)
