"""The portal's two addresses for a learner's server: what the person holds, and what the server's kernels do.

* PortalError
  - Absent: this portal knows no leases; there is nothing to ask soon
  - Away: no usable answer this time
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from lab_side.holding import Holding, read_holding

TIMEOUT = 10
LARGEST_ANSWER = 64 * 1024
#: a difference below this is the header's resolution and the way of the answer, not a wrong clock
SMALLEST_SKEW = timedelta(seconds=3)


class PortalError(Exception):
    """The portal told nothing; the message says why."""


class Absent(PortalError):
    pass


class Away(PortalError):
    pass


class Portal:
    """The portal at `url`, asked under the server's own `token`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._http = SimpleAsyncHTTPClient(force_instance=True, max_body_size=LARGEST_ANSWER)
        #: how far the portal's clock is ahead of this machine's
        self.skew = timedelta(0)

    def page(self, name: str) -> str:
        """The path of one of the portal's pages, as the person's browser asks for it."""
        return f"{urlsplit(self._url).path}/{name}"

    async def mine(self) -> Holding:
        """What the person holds. Raises Absent or Away."""
        answer = await self._send("/mine")
        self._set_clock(answer.headers.get("Date", ""))
        try:
            return read_holding(json.loads(answer.body))
        except ValueError as error:
            raise Away(str(error)) from error

    async def tell_activity(self, busy_kernels: int, last_activity: datetime) -> None:
        """Say what the kernels do. Raises Absent or Away."""
        await self._send("/activity", {"busy_kernels": busy_kernels, "last_activity": last_activity.isoformat()})

    async def _send(self, path: str, body: Mapping[str, Any] | None = None) -> HTTPResponse:
        try:
            return await self._http.fetch(
                f"{self._url}/api/gpus{path}",
                method="GET" if body is None else "POST",
                headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
                body=None if body is None else json.dumps(body),
                follow_redirects=False,
                connect_timeout=TIMEOUT,
                request_timeout=TIMEOUT,
            )
        except HTTPClientError as error:
            if error.code == 404:
                raise Absent(f"the portal answers {error.code} to {path}") from error
            raise Away(f"the portal answers {error.code} to {path}: {error.message}") from error
        except (OSError, ValueError) as error:
            raise Away(f"the portal can't be reached: {error}") from error

    def _set_clock(self, header: str) -> None:
        try:
            skew = parsedate_to_datetime(header) - datetime.now(UTC)
        except (ValueError, TypeError):
            return
        self.skew = skew if abs(skew) >= SMALLEST_SKEW else timedelta(0)
