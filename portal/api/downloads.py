"""Files on their way out: gzipped tars of the storage, with the SHA-256 that their receiver checks."""

from __future__ import annotations

from typing import Any

from starlette.responses import FileResponse

from grader.storage import Storage

GZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/gzip": {}}, "description": "A gzipped tar"}}


def stored_file(storage: Storage, sha256: str) -> FileResponse:
    """The answer that sends the file named `sha256`; NotFound where the storage lacks it."""
    storage.open(sha256).close()
    return FileResponse(
        storage.path(sha256), media_type="application/gzip", headers={"X-Content-SHA256": sha256, "ETag": f'"{sha256}"'}
    )
