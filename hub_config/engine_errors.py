"""What went wrong at the engine, in a sentence for the person who waits. The engine's own words go into the log.

The table is read from top to bottom: the first words that the engine's message holds decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import docker.errors
import requests

from hub_config import words
from hub_config.words import Sentence


@dataclass(frozen=True)
class Problem:
    """`reason` is a word for metrics, `status` the answer's HTTP status."""

    sentence: Sentence
    reason: str
    status: int = 503


AWAY = Problem(words.ENGINE_AWAY, "engine-away")
REFUSED = Problem(words.ENGINE_REFUSED, "engine-refused", 500)
IMAGE_MISSING = Problem(words.IMAGE_MISSING, "image-missing")
IMAGE_AWAY = Problem(words.IMAGE_AWAY, "image-away")
NO_NETWORK = Problem(words.NOT_FENCED, "no-network")
NO_HOME = Problem(words.NO_HOME, "no-home")

_SPACE = Problem(words.NO_SPACE, "no-space")
_ADDRESS = Problem(words.NO_ADDRESS, "no-address")
_DEVICE = Problem(words.NO_SUCH_DEVICE, "no-such-device")
_TABLE = (
    ("could not select device driver", Problem(words.NO_GPU_RUNTIME, "no-gpu-runtime")),
    ("nvidia-container-cli: device error", _DEVICE),
    ("unknown device", _DEVICE),
    ("no space left on device", _SPACE),
    ("disk quota exceeded", _SPACE),
    ("no available ipv4 addresses", _ADDRESS),
    ("available, non-overlapping ipv4 address pool", _ADDRESS),
    ("exchange full", _ADDRESS),  # a bridge has 1023 ports
    ("bind source path does not exist", NO_HOME),
    ("no such image", IMAGE_MISSING),
)
_REGISTRY_AWAY = (
    *("dial tcp", "no such host", "timeout", "connection refused", "connection reset", "deadline exceeded"),
    *("server misbehaving", "temporary failure", "eof", "toomanyrequests"),
)


class PullError(Exception):
    """An image could not be pulled; holds the engine's words."""


def explain(error: BaseException) -> Problem:
    """What `error` means to the person who waits."""
    text = text_of(error).lower()
    for sign, problem in _TABLE:
        if sign in text:
            return problem
    if isinstance(error, PullError):
        return IMAGE_AWAY if any(sign in text for sign in _REGISTRY_AWAY) else IMAGE_MISSING
    if isinstance(error, docker.errors.APIError):
        missing = error.status_code == 404 and "network" in text
        return NO_NETWORK if missing else REFUSED
    if isinstance(error, requests.RequestException | docker.errors.DockerException | OSError):
        return AWAY
    return REFUSED


def text_of(error: BaseException) -> str:
    """The engine's own words."""
    explanation = getattr(error, "explanation", None)
    return str(explanation or error)
