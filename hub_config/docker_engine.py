"""The container engine as the hub uses it: one client, calls on several threads, pulls that block nobody.

The one engine is the one that DOCKER_HOST names, or this machine's. Nothing is said to it before the first call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import docker.errors
from docker.utils import kwargs_from_env, parse_repository_tag

from hub_config.engine_errors import PullError
from hub_config.image_pulls import ImagePulls

THREADS = 16
CALL_SECONDS = 60
#: a registry may think that long about a layer
PULL_SECONDS = 600


class DockerEngine:
    """Calls and pulls. The calls of one hub share it."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = dict(options or {})
        self._client: docker.APIClient | None = None
        self._lock = threading.Lock()
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self.pulls = ImagePulls(self._pull)

    @property
    def client(self) -> docker.APIClient:
        """The client; to be used on a thread, since the first use asks the engine for its version."""
        with self._lock:
            if self._client is None:
                self._client = self._connect(CALL_SECONDS)
            return self._client

    def _connect(self, seconds: int) -> docker.APIClient:
        options = {"version": "auto", "timeout": seconds, "max_pool_size": THREADS}
        return docker.APIClient(**{**options, **kwargs_from_env(), **self._options})

    def _pull(self, image: str) -> Iterable[Mapping[str, Any]]:
        repository, tag = parse_repository_tag(image)
        client = self._connect(PULL_SECONDS)
        try:
            yield from client.pull(repository, tag or "latest", stream=True, decode=True)
        except docker.errors.APIError as error:
            raise PullError(str(error.explanation or error)) from error
        finally:
            client.close()
