"""Which language to speak on a learner's terminal: the locale's where it names one, else Korean and English."""

from __future__ import annotations

from collections.abc import Mapping


def language(environ: Mapping[str, str]) -> str:
    """`ko`, `en`, or `both` where the locale says neither, as POSIX ranks LC_ALL, LC_MESSAGES and LANG."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name, ""):
            word = value.lower()[:2]
            return word if word in ("ko", "en") else "both"
    return "both"


def say(speak: str, korean: str, english: str, between: str = "\n") -> str:
    """The text in the language that `language()` chose; both of them, Korean first, for `both`."""
    if korean == english or speak == "en":
        return english
    return korean if speak == "ko" else f"{korean}{between}{english}"
