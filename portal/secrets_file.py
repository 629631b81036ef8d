"""Generated secrets: one file each under DATA/secrets, mode 0600, made once. The environment outranks them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

NAMES = (
    "portal_token",
    "proxy_token",
    "lease_token",
    "node_token",
    "session_secret",
    "cookie_secret",
    "database_password",
    "metrics_token",
    "demo_secret",
)


def ensure_secrets(folder: Path) -> dict[str, str]:
    """Every secret by name, as 64 hex digits; those that are missing are made. `folder` becomes 0700."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return {name: _ensure_secret(folder / name) for name in NAMES}


def _ensure_secret(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    value = secrets.token_hex(32)
    with os.fdopen(descriptor, "w") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    return value
