"""The portal as a lab sees it: requests that are authenticated, retried, checked and, when refused, explained.

Owns the HTTP of the plugin. Reads BITGOEUL_PORTAL_URL and JUPYTERHUB_API_TOKEN, which every server on the campus has,
and no other secret. Every refusal is a `PortalError` whose text is the portal's own sentence.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import quote

import httpx

from grader.exchange.language import language, say

TIMEOUT = httpx.Timeout(60, connect=5, read=120)
PAUSES = (0.3, 1.0)
PATIENT_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
AWAY = (502, 503, 504)
CHUNK = 256 * 1024
PATIENCE = 90.0

Answer = TypeVar("Answer")


class PortalError(Exception):
    """The portal refused, or can't be reached; the text is for the person in front of the lab."""


@dataclass
class Portal:
    """The exchange's API at `url`, spoken to with `token`. `pause` sleeps; `username` is whose server this is."""

    url: str
    token: str
    username: str = ""
    speak: str = "both"
    pause: Callable[[float], None] = time.sleep
    client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # The portal is on this machine or this network: no proxy of the environment stands between.
        self.client = httpx.Client(
            base_url=f"{self.url.rstrip('/')}/api/exchange/",
            headers={
                "Authorization": f"token {self.token}",
                "Accept-Language": "en, ko;q=0.5" if self.speak == "en" else "ko, en;q=0.5",
            },
            timeout=TIMEOUT,
            trust_env=False,
        )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Portal:
        """The portal that this server was started for."""
        speak = language(environ)
        url, token = environ.get("BITGOEUL_PORTAL_URL", ""), environ.get("JUPYTERHUB_API_TOKEN", "")
        if not url or not token:
            missing = "BITGOEUL_PORTAL_URL" if not url else "JUPYTERHUB_API_TOKEN"
            raise PortalError(
                say(
                    speak,
                    f"환경 변수 {missing}이(가) 없어 포털에 연결할 수 없습니다. 캠퍼스에서 서버를 다시 시작하세요.",
                    f"The environment has no {missing}, so the portal cannot be reached. "
                    "Start your server from the campus again.",
                )
            )
        return cls(url, token, environ.get("JUPYTERHUB_USER", ""), speak)

    def say(self, korean: str, english: str, between: str = "\n") -> str:
        """A text in the person's language."""
        return say(self.speak, korean, english, between)

    def when(self, texts: Mapping[str, str]) -> str:
        """A time that the portal wrote in both languages."""
        return texts["ko"] if self.speak == "ko" else texts["en"]

    def get(self, path: str, **params: str | bool) -> Any:
        """What the portal answers, as JSON."""
        return self._send("GET", path, params=params).json()

    def delete(self, path: str) -> Any:
        return self._send("DELETE", path).json()

    def upload(
        self, method: str, path: str, body: IO[bytes], *, headers: Mapping[str, str], params: Mapping[str, Any]
    ) -> Any:
        """Send `body` in chunks, again after a broken connection; the portal knows the key of what it already has."""
        digest = sha256_of(body)
        size = body.tell()
        told = {"X-Content-SHA256": digest, "Content-Length": str(size), "Content-Type": "application/gzip"}

        def chunks() -> Iterator[bytes]:
            body.seek(0)
            while chunk := body.read(CHUNK):
                yield chunk

        return self._send(
            method, path, content=chunks, headers=told | dict(headers), params=params, pauses=PATIENT_PAUSES
        ).json()

    def download(self, path: str, target: Path) -> str:
        """Write what the portal sends to the new file `target` and return its SHA-256, which was checked."""

        def attempt() -> str:
            with self.client.stream("GET", path) as response, target.open("wb") as file:
                if response.status_code != 200:
                    response.read()
                    raise _Refused(response)
                digest = hashlib.sha256()
                for chunk in response.iter_raw(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
            return self._checked(digest.hexdigest(), response.headers.get("X-Content-SHA256", ""))

        return self._insist(attempt, PAUSES)

    def _checked(self, received: str, announced: str) -> str:
        if received != announced:
            raise PortalError(
                self.say(
                    "받은 파일이 손상되었습니다 (SHA-256이 다릅니다). 다시 시도하세요.",
                    "The download is damaged (its SHA-256 differs). Try again.",
                )
            )
        return received

    def _send(
        self,
        method: str,
        path: str,
        *,
        content: Callable[[], Iterator[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        pauses: tuple[float, ...] = PAUSES,
    ) -> httpx.Response:
        def attempt() -> httpx.Response:
            body = content() if content else None
            response = self.client.request(method, path, content=body, headers=headers, params=params)
            if response.status_code >= 300:
                raise _Refused(response)
            return response

        return self._insist(attempt, pauses)

    def _insist(self, attempt: Callable[[], Answer], pauses: tuple[float, ...]) -> Answer:
        """The answer to `attempt`, made again while the portal is away; nothing else is tried twice."""
        give_up = time.monotonic() + PATIENCE
        for pause in (*pauses, None):
            last = pause is None or time.monotonic() > give_up
            try:
                return attempt()
            except _Refused as refused:
                if last or refused.status not in AWAY:
                    raise PortalError(refused.sentence(self)) from None
            except httpx.TransportError as problem:
                if last:
                    raise PortalError(self._unreachable(problem)) from None
            self.pause(pause or 0)
        raise AssertionError("the last try returns or raises")

    def _unreachable(self, problem: httpx.TransportError) -> str:
        why = type(problem).__name__
        return self.say(
            f"포털에 연결할 수 없습니다 ({why}). 잠시 후 다시 시도하세요.",
            f"The portal cannot be reached ({why}). Try again in a minute.",
        )


class _Refused(Exception):
    """An answer that is no success; its body has been read."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self._response = response

    def sentence(self, portal: Portal) -> str:
        try:
            told = self._response.json()
            return portal.say(str(told["error_ko"]), str(told["error"]))
        except (ValueError, KeyError, TypeError):
            return portal.say(
                f"포털이 요청을 처리하지 못했습니다 (HTTP {self.status}). 운영 사무실에 알려 주세요.",
                f"The portal could not do this (HTTP {self.status}). Tell your programme office.",
            )


def place(*parts: str) -> str:
    """A path below the exchange's API, each part quoted."""
    return "/".join(quote(part, safe="") for part in parts)


def sha256_of(file: IO[bytes]) -> str:
    """SHA-256 of all of `file`, which is at its end afterwards."""
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
