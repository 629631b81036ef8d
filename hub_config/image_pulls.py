"""Pulling images: one pull of an image at a time, in a thread of its own, shared by all who wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hub_config.engine_errors import PullError

#: repository and tag or digest to the engine's lines about it
Puller = Callable[[str], Iterable[Mapping[str, Any]]]


class Pull:
    """One pull that goes on; `percent` is how much of what is known to come has come."""

    def __init__(self) -> None:
        self.percent = 0
        self.error: Exception | None = None
        self.over = threading.Event()
        self._layers: dict[str, tuple[int, int]] = {}

    def follow(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Read the engine's lines to their end. Raises PullError."""
        for line in lines:
            if "error" in line:
                raise PullError(str(line["error"]))
            detail = line.get("progressDetail") or {}
            name = str(line.get("id", ""))
            if line.get("status") == "Downloading" and detail.get("total"):
                self._layers[name] = (int(detail["current"]), int(detail["total"]))
            elif line.get("status") in ("Download complete", "Pull complete") and name in self._layers:
                self._layers[name] = (self._layers[name][1],) * 2
            came = sum(done for done, _ in self._layers.values())
            total = sum(size for _, size in self._layers.values())
            # layers are told of one after the other: what was said is never taken back
            self.percent = max(self.percent, int(100 * came / total) if total else 0)


class ImagePulls:
    """The pulls of one engine. Safe to use from any thread."""

    def __init__(self, puller: Puller) -> None:
        self._puller = puller
        self._pulls: dict[str, Pull] = {}
        self._lock = threading.Lock()

    async def wait(self, image: str, tell: Callable[[int], None], *, every: float = 0.3) -> None:
        """Return when `image` is there; `tell` hears how many per cent have come. Raises what the engine said.

        Who stops waiting doesn't stop the pull: the next one finds it further on.
        """
        pull = self._join(image)
        while not pull.over.is_set():
            tell(pull.percent)
            await asyncio.sleep(every)
        if pull.error:
            raise pull.error

    def __contains__(self, image: str) -> bool:
        """Whether `image` is on its way."""
        with self._lock:
            return image in self._pulls

    def _join(self, image: str) -> Pull:
        with self._lock:
            if image not in self._pulls:
                self._pulls[image] = Pull()
                threading.Thread(target=self._run, args=(image, self._pulls[image]), daemon=True).start()
            return self._pulls[image]

    def _run(self, image: str, pull: Pull) -> None:
        try:
            pull.follow(self._puller(image))
        except Exception as error:  # whoever waits gets it
            pull.error = error
        finally:
            with self._lock:
                del self._pulls[image]
            pull.over.set()
