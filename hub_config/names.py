"""User names with a meaning: whose server it is, and the folder that belongs to a name. Knows no JupyterHub."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from urllib.parse import quote

GRADING_PREFIX = "grading-"
_OFFERING = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_FOLDER_LIMIT = 200


def offering_of(username: str) -> str | None:
    """The offering whose grading server the hub user `username` is, or None for a person."""
    if not username.startswith(GRADING_PREFIX):
        return None
    offering = username.removeprefix(GRADING_PREFIX)
    return offering if _OFFERING.fullmatch(offering) else None


def is_reserved(username: str) -> bool:
    """Whether no person may ever sign in under this name."""
    return username.lower().startswith(GRADING_PREFIX)


def normalize(username: str) -> str:
    """One spelling for one name: lower case, composed letters (a Mac types Korean decomposed)."""
    return unicodedata.normalize("NFC", username).lower()


def folder_of(username: str) -> str:
    """A folder name for `username`: the name itself where it can be, escaped otherwise; different names never meet."""
    folder = quote(username, safe="@+=,")
    if folder.startswith("."):
        folder = "%2E" + folder[1:]
    if len(folder) > _FOLDER_LIMIT:
        folder = folder[: _FOLDER_LIMIT - 65] + "%" + hashlib.sha256(username.encode()).hexdigest()
    return folder
