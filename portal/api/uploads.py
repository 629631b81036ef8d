"""Files on their way in: from a request's body to a staged file, bounded in memory, size and time.

Refuses a body that is larger, slower or other than announced; what arrived of it is gone then.
"""

from __future__ import annotations

import asyncio
import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from cohorts.errors import CampusError, Invalid
from grader import archive
from grader.archive import LIMITS, Entry
from grader.storage import SHA256, Staged

UPLOAD_SECONDS = 600
BUFFER = 1024 * 1024


class TooSlow(CampusError):
    """The body did not arrive in time."""

    status = 408


def announced_sha256(request: Request) -> str:
    """The SHA-256 that the sender says the body has."""
    sha256 = request.headers.get("x-content-sha256", "")
    if not SHA256.fullmatch(sha256):
        raise Invalid(
            "The header X-Content-SHA256 must be the SHA-256 of the files, 64 lower-case hexadecimal digits.",
            "X-Content-SHA256 헤더는 파일의 SHA-256, 소문자 16진수 64자리여야 합니다.",
        )
    return sha256


def refuse_large(request: Request) -> None:
    """Refuse a body that says of itself that it is too large, before any of it is read."""
    length = request.headers.get("content-length", "0")
    if not re.fullmatch("[0-9]{1,15}", length) or int(length) > LIMITS.packed_bytes:
        raise archive.too_many_bytes()


async def take_in(request: Request, staged: Staged, sha256: str, *, seconds: float = UPLOAD_SECONDS) -> list[Entry]:
    """Write the body to `staged` and return what the archive in it holds, checked and on the disk."""
    try:
        async with asyncio.timeout(seconds):
            await _copy(request, staged)
    except TimeoutError:
        raise TooSlow(
            f"The upload took more than {seconds:.0f} seconds; nothing was stored. Try again on a better connection.",
            f"업로드가 {seconds:.0f}초를 넘겨 저장하지 않았습니다. 연결을 확인하고 다시 시도하세요.",
        ) from None
    except ClientDisconnect:
        raise Invalid("The upload broke off; nothing was stored.", "업로드가 끊겨 저장하지 않았습니다.") from None
    return await run_in_threadpool(_inspect, staged, sha256)


async def _copy(request: Request, staged: Staged) -> None:
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if staged.size + len(waiting) > LIMITS.packed_bytes:
            raise archive.too_many_bytes()
        if len(waiting) >= BUFFER:
            await run_in_threadpool(staged.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(staged.write, bytes(waiting))


def _inspect(staged: Staged, sha256: str) -> list[Entry]:
    if staged.sha256 != sha256:
        raise Invalid(
            f"The files arrived damaged: announced were {sha256[:12]}…, received {staged.sha256[:12]}…. "
            "Nothing was stored; send them again.",
            f"파일이 손상되어 도착했습니다(예고 {sha256[:12]}…, 수신 {staged.sha256[:12]}…). "
            "저장하지 않았으니 다시 보내세요.",
        )
    with staged.open() as body:
        entries = archive.check(body)
    staged.seal()
    return entries
