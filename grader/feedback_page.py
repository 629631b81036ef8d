"""One notebook's feedback as an HTML page that can do nothing but be read.

Owns the rendering and its sanitizing. A page is opened by the student and by staff, and shows what a student's code
printed: everything in its body goes through an allow-list, and a policy in its head forbids scripts and requests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from courses.model import Text
from grader.gradebook import NotebookGrades

TEMPLATE = Path(__file__).with_name("feedback_page.html")
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; form-action 'none'; base-uri 'none'"
)
GONE = (
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "template",
    "noscript",
    "svg",
    "math",
    "form",
    "textarea",
    "title",
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
        *("dir"),
    }
)
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*\Z")
LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
STYLE = """
:root { color-scheme: light; } body { font: 15px/1.6 system-ui, "Noto Sans KR", "Malgun Gothic", sans-serif;
  color: #1c2430; background: #fff; max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; display: flex; justify-content: space-between; gap: 1rem; border-bottom: 2px solid #1c2430; }
.score { font-variant-numeric: tabular-nums; white-space: nowrap; } .problem { color: #a11b1b; font-weight: 600; }
.note { color: #6a4b00; } .contents { columns: 2; padding-left: 1.5rem; } .cell { margin: 1rem 0; min-width: 0; }
.known { border: 1px solid #b9c2cf; border-radius: 6px; overflow: hidden; }
.heading { display: flex; justify-content: space-between; gap: 1rem; background: #eef2f7; padding: .35rem .75rem;
  font-weight: 600; } .rendered, .comment { padding: .25rem .75rem; } .comment { background: #fff7df; }
pre { margin: 0; padding: .6rem .75rem; overflow-x: auto; font: 13px/1.5 ui-monospace, "D2Coding", monospace; }
.input { background: #f7f8fa; } .output_error pre { background: #fdecec; } img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 13px; } td, th { border: 1px solid #d5dbe3; padding: .2rem .5rem; }
.prompt { display: none; } @media (max-width: 40rem) { .contents { columns: 1; } body { padding: .75rem; } }
"""


@dataclass(frozen=True)
class Page:
    """What a page shows: the notebook as its student may see it, and what the gradebook says."""

    notebook: str
    nb: Any | None
    grades: NotebookGrades
    problem: Text | None = None


def render(page: Page) -> str:
    """The page as one self-contained HTML document."""
    import nbformat

    nb = nbformat.v4.new_notebook() if page.nb is None else page.nb
    for cell in nb.cells:
        meta = cell.metadata.get("nbgrader")
        if not meta:
            continue
        key = meta["grade_id"]
        if key in page.grades.cells:
            meta["score"], meta["points"] = page.grades.cells[key]
        if page.grades.comments.get(key):
            meta["comment"] = page.grades.comments[key]
    resources = {
        "nbgrader": {
            "notebook": page.notebook,
            "score": page.grades.score - page.grades.late_penalty,
            "max_score": page.grades.max_score,
            "late_penalty": page.grades.late_penalty,
            "needs_manual": page.grades.needs_manual,
            "problem": page.problem,
        }
    }
    body, _ = _exporter().from_notebook_node(nb, resources=resources)
    return (
        f'<!DOCTYPE html>\n<html lang="ko"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.notebook)}</title>\n<style>{STYLE}{_colours()}</style></head>\n"
        f"<body>\n{sanitize(body)}\n</body></html>\n"
    )


def sanitize(html: str) -> str:
    """`html` with nothing in it but text, tables, pictures made of data, and plain links."""
    from bleach.sanitizer import Cleaner  # type: ignore[import-untyped]
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    for element in soup.find_all(list(GONE)):
        element.decompose()
    cleaner = Cleaner(tags=TAGS, attributes=_allowed, protocols=["http", "https", "mailto", "data"], strip=True)
    return str(cleaner.clean(str(soup)))


def _allowed(tag: str, name: str, value: str) -> bool:
    if name == "id":
        return tag == "div"  # where links of the table of contents lead
    if tag == "img" and name == "src":
        return PICTURE.match(value) is not None
    if tag == "a" and name == "href":
        return LINK.match(value) is not None
    return name in ATTRIBUTES


@lru_cache(maxsize=1)
def _exporter() -> Any:
    from nbconvert.exporters import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.HTMLExporter.template_name = "classic"
    config.HTMLExporter.template_file = str(TEMPLATE)
    config.HTMLExporter.exclude_anchor_links = True
    config.NbConvertBase.display_data_priority = [
        *("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "text/plain"),
    ]
    return HTMLExporter(config=config)


@lru_cache(maxsize=1)
def _colours() -> str:
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    return str(HtmlFormatter(style="default").get_style_defs(".highlight"))
