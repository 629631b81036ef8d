"""One notebook's feedback as an HTML page that can do nothing but be read.

Owns the page's shape. It is opened by the student and by staff and shows what a student's code printed: everything on
it is escaped, or went through the allow-list of `safe_html`, and a policy in its head forbids scripts and requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup

from courses.model import Text
from grader.feedback_outputs import outputs_html
from grader.gradebook import NotebookGrades
from grader.safe_html import colours, highlighted, markdown

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; form-action 'none'; base-uri 'none'"
)
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
.input { background: #f7f8fa; } .output_error pre, .output_stderr pre { background: #fdecec; }
.output_rich { overflow-x: auto; padding: .25rem .75rem; } img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 13px; } td, th { border: 1px solid #d5dbe3; padding: .2rem .5rem; }
@media (max-width: 40rem) { .contents { columns: 1; } body { padding: .75rem; } }
"""
SHOWN_FLAGS = ("solution", "grade", "task")


@dataclass(frozen=True)
class Page:
    """What a page shows: the notebook as its student may see it, and what the gradebook says."""

    notebook: str
    nb: Any | None
    grades: NotebookGrades
    problem: Text | None = None

    @property
    def score(self) -> float:
        return self.grades.score - self.grades.late_penalty


@dataclass(frozen=True)
class Shown:
    """One cell on the page. `meta` is nbgrader's, None where it shows no heading; `points` are earned and most."""

    kind: str
    body: Markup
    meta: Any | None
    points: tuple[float, float] | None
    comment: Markup | None
    outputs: Markup | None


def render(page: Page) -> str:
    """The page as one self-contained HTML document."""
    cells = [] if page.nb is None else [_shown(cell, page.grades) for cell in page.nb.cells if cell.cell_type != "raw"]
    return _template().render(page=page, cells=cells, policy=POLICY, style=STYLE + colours()) + "\n"


def _shown(cell: Any, grades: NotebookGrades) -> Shown:
    meta = cell.metadata.get("nbgrader")
    if meta is not None and not any(meta.get(flag) for flag in SHOWN_FLAGS):
        meta = None
    key = meta["grade_id"] if meta is not None else None
    comment = grades.comments.get(key) if key is not None else None
    code = cell.cell_type == "code"
    return Shown(
        kind=cell.cell_type,
        body=Markup(highlighted(cell.source) if code else markdown(cell.source)),
        meta=meta,
        points=grades.cells.get(key) if key is not None else None,
        comment=Markup(markdown(comment)) if comment else None,
        outputs=Markup(outputs_html(cell.outputs)) if code and cell.outputs else None,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return environment.get_template("feedback_page.html")
