"""HTML that can do nothing but be read, made of what people wrote and what students' code printed.

Owns the allow-list, and three ways into it: HTML, Markdown, source code. Instructors' cells come back with every
submission, so what was made is remembered for a while.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import Any

import nh3

GONE = frozenset(
    {
        *("script", "style", "iframe", "object", "embed", "template", "noscript", "svg", "math", "form"),
        *("textarea", "title"),
    }
)
TAGS = frozenset(
    {
        *("a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "details"),
        *("div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li"),
        *("mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary", "sup"),
        *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var"),
    }
)
ATTRIBUTES = frozenset(
    {
        *("class", "title", "alt", "width", "height", "colspan", "rowspan", "align", "start", "open", "lang"),
        *("dir",),
    }
)
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*\Z")
MAGIC = re.compile(r"%[%\w]|!(?!=)|\?")  # nothing that IPython adds to Python comes without one of these
LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
REMEMBERED = 2048
LONGEST_REMEMBERED = 20_000


def sanitize(html: str) -> str:
    """`html` with nothing in it but text, tables, pictures made of data, and plain links."""
    return nh3.clean(
        html,
        tags=set(TAGS),
        clean_content_tags=set(GONE),
        attributes={"*": set(ATTRIBUTES), "a": {"href"}, "img": {"src"}},
        attribute_filter=_allowed,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel=None,
    )


def markdown(text: str) -> str:
    """Markdown as sanitized HTML, formulas as text."""
    return _markdown(text) if len(text) <= LONGEST_REMEMBERED else _markdown.__wrapped__(text)


def highlighted(source: str) -> str:
    """Python source, escaped and coloured: spans in a `div.highlight`."""
    return _highlighted(source) if len(source) <= LONGEST_REMEMBERED else _highlighted.__wrapped__(source)


@lru_cache(maxsize=1)
def colours() -> str:
    """The style sheet that goes with `highlighted`."""
    return str(_formatter().get_style_defs(".highlight"))


def _allowed(tag: str, name: str, value: str) -> str | None:
    if tag == "img" and name == "src":
        return value if PICTURE.match(value) else None
    if tag == "a" and name == "href":
        return value if LINK.match(value) else None
    return value if name in ATTRIBUTES else None


@lru_cache(maxsize=REMEMBERED)
def _markdown(text: str) -> str:
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    try:
        return sanitize(markdown2html_mistune(text))
    except Exception:  # a picture whose attachment is missing raises, and other texts may; their words still count
        return f"<pre>{escape(text)}</pre>"


@lru_cache(maxsize=REMEMBERED)
def _highlighted(source: str) -> str:
    from pygments import highlight  # type: ignore[import-untyped]

    return str(highlight(source, _lexer(MAGIC.search(source) is not None), _formatter()))


@lru_cache(maxsize=2)
def _lexer(magic: bool) -> Any:
    """IPython's lexer, or the one for plain Python that it extends: to look for magic takes it longer than all else."""
    if magic:
        from IPython.lib.lexers import IPython3Lexer

        return IPython3Lexer()
    from pygments.lexers import Python3Lexer  # type: ignore[import-untyped]

    return Python3Lexer()


@lru_cache(maxsize=1)
def _formatter() -> Any:
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    return HtmlFormatter(style="default", cssclass="highlight hl-ipython3")
