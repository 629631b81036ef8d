"""Somebody who clicks: asks a hub for their server, watches its progress as the spawn page does, opens JupyterLab."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx

from bench.spawn_look import Start


def click_at_once(url: str, tokens: Mapping[str, str], body: Mapping[str, Any], *, page: bool) -> list[Start]:
    """Everybody's start at the hub behind `url`, all clicked at the same moment; `tokens` by username.

    With `page` JupyterLab's page is opened as well, once everybody's server is ready.
    """
    return asyncio.run(_click_at_once(url, tokens, body, page=page))


async def _click_at_once(url: str, tokens: Mapping[str, str], body: Mapping[str, Any], *, page: bool) -> list[Start]:
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=httpx.Limits(max_connections=None)) as http:
        await http.get("/hub/api/")  # nobody's click pays for the first connection
        starts = await asyncio.gather(*(_click(http, name, token, body) for name, token in tokens.items()))
        return [await _open(http, start, tokens[start.username]) for start in starts] if page else list(starts)


async def _click(http: httpx.AsyncClient, name: str, token: str, body: Mapping[str, Any]) -> Start:
    headers = {"Authorization": f"token {token}"}
    clicked = time.time()
    answer = await http.post(f"/hub/api/users/{name}/server", json=body, headers=headers)
    if answer.status_code == 202:  # it goes on; the page that waits is told
        async with http.stream("GET", f"/hub/api/users/{name}/server/progress", headers=headers) as events:
            async for line in events.aiter_lines():
                if '"ready": true' in line:
                    break
                if '"failed": true' in line:
                    raise RuntimeError(f"{name}'s server failed: {line[:500]}")
    elif answer.status_code != 201:
        raise RuntimeError(f"{name}'s server was refused: {answer.status_code} {answer.text[:500]}")
    return Start(name, clicked, ready=time.time())


async def _open(http: httpx.AsyncClient, start: Start, token: str) -> Start:
    began = time.time()
    answer = await http.get(f"/user/{start.username}/lab", headers={"Authorization": f"token {token}"})
    if answer.status_code != 200:
        raise RuntimeError(f"{start.username}'s JupyterLab answered {answer.status_code}")
    return Start(start.username, start.clicked, start.ready, page=time.time() - began)


def first_answer(url: str, seconds: float = 300) -> float:
    """When `url` gave its first answer, 200 or a redirect; it is tried every 50 ms."""
    deadline = time.time() + seconds
    with httpx.Client(timeout=10) as http:
        while time.time() < deadline:
            try:
                if http.get(url).status_code in (200, 302):
                    return time.time()
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
    raise RuntimeError(f"{url} gave no answer in {seconds:.0f} s")
