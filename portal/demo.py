"""Demonstration passwords: derived from one secret, so nothing is stored. Never used with a real sign-in."""

from __future__ import annotations

import base64
import hashlib
import hmac


def demo_password(secret_hex: str, username: str) -> str:
    """The password of `username`, as `xxxx-xxxx-xxxx`: 60 bits of HMAC-SHA256 in base32.

    The hub computes the same in `hub_config.auth`; a test holds the two together.
    """
    digest = hmac.new(bytes.fromhex(secret_hex), username.encode(), hashlib.sha256).digest()
    text = base64.b32encode(digest).decode().lower()[:12]
    return "-".join(text[i : i + 4] for i in range(0, 12, 4))
