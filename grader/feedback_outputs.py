"""What one cell put out, as HTML that can do nothing but be read: escaped, or sanitized where it is markup.

Owns the choice among an output's representations. Scripts, widgets and unknown kinds are left out.
"""

from __future__ import annotations

import base64
from html import escape
from typing import Any

from grader.safe_html import PICTURE, markdown, sanitize

RICHEST_FIRST = (
    *("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp"),
    *("text/latex", "text/plain"),
)
MOST_OUTPUTS = 500


def outputs_html(outputs: list[Any]) -> str:
    """The outputs of a cell (nbformat 4), one `div` each."""
    shown = [html for output in outputs[:MOST_OUTPUTS] if (html := output_html(output))]
    if len(outputs) > MOST_OUTPUTS:
        shown.append(f'<div class="note">… {len(outputs) - MOST_OUTPUTS}</div>')
    return "\n".join(shown)


def output_html(output: Any) -> str:
    """One output; empty where there is nothing that can be shown."""
    kind = output["output_type"]
    if kind == "stream":
        return f'<div class="output output_{escape(output["name"])}">{_terminal(output["text"])}</div>'
    if kind == "error":
        return f'<div class="output output_error">{_terminal(chr(10).join(output["traceback"]))}</div>'
    data = output.get("data", {})
    best = next((name for name in RICHEST_FIRST if isinstance(data.get(name), str)), None)
    return "" if best is None else f'<div class="output output_rich">{_rich(best, data[best])}</div>'


def _rich(kind: str, value: str) -> str:
    if kind == "text/html":
        return sanitize(value)
    if kind == "text/markdown":
        return markdown(value)
    if kind.startswith("image/"):
        if kind == "image/svg+xml":  # as a picture, a drawing runs no scripts and asks for nothing
            value = base64.b64encode(value.encode()).decode()
        address = f"data:{kind};base64,{''.join(value.split())}"
        return f'<img alt="" src="{address}">' if PICTURE.match(address) else ""
    return _terminal(value)


def _terminal(text: str) -> str:
    """Text as a terminal would show it, colours included."""
    from nbconvert.filters.ansi import ansi2html

    return f"<pre>{ansi2html(text)}</pre>"
