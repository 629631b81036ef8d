"""What an engine says, in a sentence for people; and pulls, shared by all who wait."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import docker.errors
import pytest
import requests

from hub_config.engine_errors import PullError, explain
from hub_config.image_pulls import ImagePulls


def said(status: int, words: str) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("refused", response=response, explanation=words)


@pytest.mark.parametrize(
    ("error", "reason", "status"),
    [
        (said(500, 'could not select device driver "" with capabilities: [[gpu]]'), "no-gpu-runtime", 503),
        (said(500, "nvidia-container-cli: device error: GPU-1: unknown device: unknown"), "no-such-device", 503),
        (said(500, "mkdir /var/lib/docker/x: no space left on device"), "no-space", 503),
        (said(403, "no available IPv4 addresses on this network's address pools: labs (1)"), "no-address", 503),
        (said(500, "adding interface veth1 to bridge labs failed: exchange full"), "no-address", 503),
        (said(400, "invalid mount config for type bind: bind source path does not exist: /x"), "no-home", 503),
        (said(404, "network bitgoeul-labs not found"), "no-network", 503),
        (said(500, "something else"), "engine-refused", 500),
        (requests.ConnectionError("refused"), "engine-away", 503),
        (requests.ReadTimeout("60 s"), "engine-away", 503),
        (docker.errors.DockerException("Error while fetching server API version"), "engine-away", 503),
        (PullError("pull access denied for lab, repository does not exist"), "image-missing", 503),
        (PullError("manifest for lab:1 not found: manifest unknown"), "image-missing", 503),
        (PullError('Get "https://r/v2/": dial tcp: lookup r: no such host'), "image-away", 503),
        (PullError("write /tmp/layer: no space left on device"), "no-space", 503),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_every_failure_of_the_engine_is_a_sentence(error: Exception, reason: str, status: int) -> None:
    problem = explain(error)
    assert (problem.reason, problem.status) == (reason, status)
    assert problem.sentence.both(image="lab").count("\n") == 1


class Registry:
    """Answers with the lines of a pull, one whenever it is told to go on."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.lines = lines
        self.asked = 0
        self.go_on = threading.Semaphore(0)

    def __call__(self, image: str) -> Iterator[dict[str, Any]]:
        self.asked += 1
        for line in self.lines:
            self.go_on.acquire()
            yield line
        self.go_on.acquire()


def layer(name: str, came: int) -> dict[str, Any]:
    return {"status": "Downloading", "id": name, "progressDetail": {"current": came, "total": 100}}


class Listener:
    """Hears how many per cent have come; others may wait until it has heard a number."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.came: dict[int, asyncio.Event] = defaultdict(asyncio.Event)

    def __call__(self, percent: int) -> None:
        self.heard.append(percent)
        self.came[percent].set()


def test_one_pull_serves_all_who_wait_and_tells_how_far_it_is() -> None:
    registry = Registry([layer("a", 50), layer("b", 0), layer("a", 100), layer("b", 100)])
    pulls = ImagePulls(registry)
    listeners = [Listener(), Listener()]

    async def wait_twice() -> None:
        waiting = [asyncio.create_task(pulls.wait("lab", one, every=0.01)) for one in listeners]
        for lines, percent in ((0, 0), (1, 50), (3, 100)):
            for _ in range(lines):
                registry.go_on.release()
            await asyncio.gather(*(one.came[percent].wait() for one in listeners))
        registry.go_on.release()
        await asyncio.gather(*waiting)

    asyncio.run(wait_twice())
    assert registry.asked == 1
    for one in listeners:
        assert one.heard == sorted(one.heard)


def test_who_stops_waiting_leaves_the_pull_to_the_others() -> None:
    registry = Registry([layer("a", 100)])
    pulls = ImagePulls(registry)

    async def one_leaves() -> None:
        leaves = asyncio.create_task(pulls.wait("lab", lambda _: None, every=0.01))
        stays = asyncio.create_task(pulls.wait("lab", lambda _: None, every=0.01))
        await asyncio.sleep(0.05)
        leaves.cancel()
        for _ in range(2):
            registry.go_on.release()
        await asyncio.wait_for(stays, 10)

    asyncio.run(one_leaves())
    assert registry.asked == 1


def test_everybody_hears_why_a_pull_failed_and_the_next_one_tries_anew() -> None:
    registry = Registry([{"error": "manifest unknown"}])
    pulls = ImagePulls(registry)

    async def fail(times: int) -> list[BaseException]:
        waits = [asyncio.create_task(pulls.wait("lab", lambda _: None, every=0.01)) for _ in range(times)]
        await asyncio.sleep(0)  # everybody waits before the engine answers
        registry.go_on.release()
        return [error for error in await asyncio.gather(*waits, return_exceptions=True) if error]

    errors = asyncio.run(fail(3))
    assert [type(error) for error in errors] == [PullError] * 3
    assert len(asyncio.run(fail(1))) == 1
    assert registry.asked == 2
