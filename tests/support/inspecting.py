"""What a student must never see, and what a page must never do: looked for in finished feedback.

Reads a page as a browser would (html5lib), apart from the code that made it, and knows the common disguises of a text.
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Iterable
from html import unescape
from typing import Any

PWNED = "pwned-4711"  # what an injected script or handler would carry
ACTIVE = frozenset(
    {
        *("script", "iframe", "frame", "object", "embed", "applet", "base", "link", "form", "input", "button"),
        *("svg", "math", "template", "noscript", "video", "audio", "source", "portal", "marquee", "textarea"),
    }
)
HARMLESS_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
HARMLESS_STYLE = re.compile(
    r"((color|background-color|font-weight|font-style|text-decoration): *[-a-z0-9(), ]+;? *)+\Z"
)
HARMLESS_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,")


def squash(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z가-힣]", "", text)


def disguises(secret: str) -> set[str]:
    """How `secret` may be written so that a search for it finds nothing: squashed, for squashed texts."""
    raw = secret.encode()
    forms = {secret, secret[::-1], codecs.encode(secret, "rot13"), raw.hex(), raw[::-1].hex()}
    forms |= {"".join(str(byte) for byte in raw), "".join(f"{byte:08b}" for byte in raw)}
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).decode()
        start = (0, 2, 3)[shift]
        forms.add(whole[start : len(whole) - (4 if len(raw) + shift % 3 else 0)])
    return {squash(form).lower() for form in forms}


def leaked(secrets: Iterable[str], *texts: str) -> list[str]:
    """Which of `secrets` can be read in the texts, in the clear or disguised."""
    seen = squash(unescape("\n".join(texts))).lower()
    return [secret for secret in secrets if any(form in seen for form in disguises(secret))]


def active_parts(page: str) -> list[str]:
    """What in the page could run, load or send something."""
    from bleach._vendor import html5lib  # type: ignore[import-untyped]

    tree = html5lib.parse(page, namespaceHTMLElements=False)
    found: list[str] = []
    styles = 0
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        name = element.tag.rsplit("}", 1)[-1].lower()
        styles += name == "style"
        if name in ACTIVE or styles > 1:
            found.append(f"<{name}>")
        found += _active_attributes(name, element)
    return found


def _active_attributes(name: str, element: Any) -> list[str]:
    found = []
    for key, value in element.attrib.items():
        key = str(key).rsplit("}", 1)[-1].lower()
        handler = key.startswith("on") or key in ("srcdoc", "formaction", "action", "background", "ping")
        handler |= key == "style" and not HARMLESS_STYLE.match(value)
        away = key == "href" and not HARMLESS_LINK.match(value.strip())
        loads = key in ("src", "srcset", "data", "poster", "xlink:href") and not HARMLESS_PICTURE.match(value)
        refresh = key == "http-equiv" and value != "Content-Security-Policy"
        if handler or away or loads or refresh:
            found.append(f"<{name} {key}={value[:40]!r}>")
    return found
