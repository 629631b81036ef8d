"""Feedback shows what failed, never a line or value of a hidden test, and can do nothing but be read."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from IPython.lib.lexers import IPython3Lexer
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from small_course import HIDDEN_LINES, PARTLY, RIGHT, WRONG, answered, code, write

from courses.model import Text
from grader.feedback import build_bundle, own_grades, pages_of_marking
from grader.feedback_page import Page, render
from grader.gradebook import NotebookGrades
from grader.hidden import find_hidden
from grader.marking import mark
from grader.results import MarkingResult
from grader.safe_html import highlighted, sanitize
from grader.sandbox.base import Limits
from grader.sandbox.fork import ForkSandbox
from grader.source import SourceAssignment

SECRETS = (*HIDDEN_LINES, "314159", "98695877281", "-7")
COLOURED = {
    "plain Python": "def half(x):\n    return x // 2  # 반\n",
    "an inequality": "ok = a != b\n",
    "a remainder": "even = x % 2 == 0\n",
    "a remainder without spaces": "even = x%2 == 0\nodd = not even\n",
    "a format": "print('%d 명' % 3)\n",
    "a conversion": "print(f'{x!r}')\n",
    "a line magic": "%timeit half(3)\n",
    "a cell magic": "%%html\n<b>x</b>\n",
    "a shell command": "files = !ls\nprint(files)\n",
    "help asked for": "half?\n",
}
NOSY = {
    "prints the cells it can see": "def square(x):\n    print(get_ipython().user_ns['In'])\n    return x * x",
    "prints its caller's source": (
        "def square(x):\n    import inspect\n    frame = inspect.currentframe().f_back\n"
        "    print(inspect.getsource(frame))\n    return x + 1"
    ),
    "raises its caller's source": (
        "def square(x):\n    import inspect\n    if x == 2:\n        return 4\n"
        "    raise ValueError(inspect.getsource(inspect.currentframe().f_back))"
    ),
    "shows it as HTML": (
        "def square(x):\n    import inspect\n    from IPython.display import HTML, display\n"
        "    source = inspect.getsource(inspect.currentframe().f_back)\n"
        "    display(HTML('<b>' + source.replace(' ', '<i> </i>') + '</b>'))\n    return x * x"
    ),
    "calls its error ours": (
        "class NotRun(Exception):\n    pass\nclass CellTimeoutError(Exception):\n    pass\n"
        "def square(x):\n    import inspect\n    if x == 2:\n        return 4\n"
        "    raise NotRun(inspect.getsource(inspect.currentframe().f_back))"
    ),
}


def marked(
    nb: dict[str, Any], source: SourceAssignment, sandbox: ForkSandbox, folder: Path, course: Path
) -> MarkingResult:
    write(nb, folder / "p1.ipynb")
    (folder / "data.csv").write_bytes((course / "source" / "ps1" / "data.csv").read_bytes())
    return mark(source, folder, sandbox, Limits(cell=10))


def html_of(source: SourceAssignment, result: MarkingResult) -> str:
    (page,) = pages_of_marking(source, result, own_grades(result))
    return render(page)


def readable(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html.split("</head>")[1]))


@pytest.mark.namespaces
@pytest.mark.parametrize("answers", [RIGHT, PARTLY, WRONG], ids=["right", "partly", "wrong"])
def test_no_hidden_line_shows_and_what_failed_does(
    answers: dict[str, str],
    released: dict[str, Any],
    released_course: Path,
    source: SourceAssignment,
    sandbox: ForkSandbox,
    tmp_path: Path,
) -> None:
    result = marked(answered(released, answers), source, sandbox, tmp_path, released_course)
    html = readable(html_of(source, result))
    for secret in SECRETS:
        assert secret not in html
    assert 'assert square(2) == 4, "square(2)"' in html
    assert "# 숨은 검사 2개 · 2 hidden checks" in html
    test = next(test for test in result.tests if test.name == "square_test")
    if answers is PARTLY:
        assert "숨은 검사를 통과하지 못했습니다: 음수도 제곱해야 합니다" in html
        assert test.message == Text(
            ko="숨은 검사를 통과하지 못했습니다: 음수도 제곱해야 합니다",
            en="a hidden check failed: 음수도 제곱해야 합니다",
        )
    elif answers is WRONG:
        assert "AssertionError: square(2)" in html
        assert re.search(r"----> +1 assert square\(2\) == 4", html)
        assert "ValueError: 모름" in html  # a cell without hidden tests keeps its traceback
        assert test.message == Text(ko="AssertionError: square(2)", en="AssertionError: square(2)")
    else:
        assert "6.0 / 11.0" in html
        assert test.message is None


@pytest.mark.namespaces
def test_code_that_looks_for_hidden_tests_shows_none_of_them(
    released: dict[str, Any],
    released_course: Path,
    source: SourceAssignment,
    sandbox: ForkSandbox,
    tmp_path: Path,
) -> None:
    for number, (name, function) in enumerate(NOSY.items()):
        nb = answered(released, RIGHT | {"square": function})
        nb["cells"].append(code("print(In)\nprint('\\n'.join(In))\nfor line in In[-3:]:\n    print(line)\nIn"))
        folder = tmp_path / str(number)
        folder.mkdir()
        result = marked(nb, source, sandbox, folder, released_course)
        html = readable(html_of(source, result))
        for line in HIDDEN_LINES:
            assert line not in html, name
        told = " ".join(f"{test.message.ko} {test.message.en}" for test in result.tests if test.message)
        assert not [secret for secret in SECRETS if secret in told], name


@pytest.mark.namespaces
def test_a_job_that_runs_out_of_time_says_so(
    released: dict[str, Any], released_course: Path, source: SourceAssignment, sandbox: ForkSandbox, tmp_path: Path
) -> None:
    nb = answered(released, RIGHT | {"ratio": "import time\ntime.sleep(60)"})
    write(nb, tmp_path / "p1.ipynb")
    (tmp_path / "data.csv").write_bytes((released_course / "source" / "ps1" / "data.csv").read_bytes())
    result = mark(source, tmp_path, sandbox, Limits(cell=60, wall=3))
    outcomes = {test.name: (test.points, test.outcome.value) for test in result.tests}
    assert outcomes["square_test"] == (3.0, "passed")
    assert outcomes["ratio_test"] == (0.0, "not-run")
    html = readable(html_of(source, result))
    assert "제한 시간 3초 안에 끝나지 않아" in html
    assert "It did not finish within its time limit of 3 seconds" in html


def test_a_missing_notebook_gets_a_page_that_says_so(
    source: SourceAssignment, sandbox: ForkSandbox, tmp_path: Path
) -> None:
    result = mark(source, tmp_path, sandbox, Limits())
    assert (result.score, result.max_score, result.integrity) == (0.0, 11.0, "clean")
    assert not result.needs_manual
    assert "노트북 p1.ipynb가 제출되지 않았습니다." in html_of(source, result)


def test_an_unreadable_notebook_scores_nothing_and_says_why(
    source: SourceAssignment, sandbox: ForkSandbox, tmp_path: Path
) -> None:
    (tmp_path / "p1.ipynb").write_text("{broken")
    result = mark(source, tmp_path, sandbox, Limits())
    assert (result.score, result.integrity) == (0.0, "suspect")
    assert [finding.rule for finding in result.findings] == ["unreadable"]
    assert "올바른 JSON이 아님" in html_of(source, result)


SCRIPTS = {
    "script": "<script>alert(1)</script>",
    "event": '<img src="data:image/png;base64,AAAA" onerror="alert(1)">',
    "link": '<a href="javascript:alert(1)">x</a>',
    "hidden link": '<a href="java\tscript:alert(1)">x</a>',
    "frame": '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "picture that calls home": '<img src="https://example.org/alert(1)">',
    "style": "<style>@import 'https://example.org/alert(1)'</style>",
    "style attribute": '<p style="background:url(https://example.org/alert(1))">x</p>',
    "vector": '<svg onload="alert(1)"><script>alert(1)</script></svg>',
    "form": '<form action="https://example.org"><input onfocus="alert(1)" autofocus></form>',
    "base": '<base href="https://example.org/alert(1)">',
    "meta": '<meta http-equiv="refresh" content="0;url=javascript:alert(1)">',
    "math": '<math><mtext><table><mglyph><style><img src=x onerror="alert(1)"></style></mglyph></table></mtext></math>',
    "data link": '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "picture that is a page": '<img src="data:text/html;base64,PHNjcmlwdD4=">',
    "comment": "<!--><script>alert(1)</script>-->",
}


@pytest.mark.parametrize("attack", SCRIPTS.values(), ids=SCRIPTS)
def test_nothing_a_student_shows_can_run_or_call_home(attack: str) -> None:
    import nbformat

    output = nbformat.v4.new_output("display_data", {"text/html": attack, "application/javascript": "alert(1)"})
    stream = nbformat.v4.new_output("stream", name="stdout", text=attack)
    error = nbformat.v4.new_output("error", ename=attack, evalue=attack, traceback=[attack])
    markdown = nbformat.v4.new_output("display_data", {"text/markdown": attack})
    cells = [
        nbformat.v4.new_code_cell(f"# {attack}", outputs=[output, stream, error, markdown]),
        nbformat.v4.new_markdown_cell(attack),
        nbformat.v4.new_raw_cell(attack, metadata={"raw_mimetype": "text/html"}),
    ]
    meta = {"grade_id": "a", "grade": True, "solution": True, "locked": False}
    cells[1].metadata["nbgrader"] = meta
    nb = nbformat.v4.new_notebook(cells=cells, metadata={"title": attack})
    grades = NotebookGrades(1.0, 2.0, 0.0, {"a": (1.0, 2.0)}, {"a": attack})
    head, body = render(Page(attack, nb, grades, Text(attack, attack))).split("</head>")
    assert "default-src 'none'" in head
    assert head.count("<script") == 0
    elements = re.findall(r"<[a-zA-Z][^>]*>", body)
    assert not [element for element in elements if re.search(r"<script|alert\(|onerror|onload|example\.org", element)]
    allowed = r"<(body|div|p|a|img|span|h1|b|ol|li|pre|br|table|tbody|tr|td|i|code)\b"
    assert not [element for element in elements if not re.match(allowed, element)]


def test_tables_pictures_and_links_survive() -> None:
    kept = (
        '<table class="dataframe"><thead><tr><th>값</th></tr></thead>'
        '<tbody><tr><td colspan="2">1</td></tr></tbody></table>'
        '<img alt="그래프" src="data:image/png;base64,AAAA"><a href="https://example.org/a">x</a><h2>제목</h2>'
    )
    assert sanitize(kept) == kept


def test_a_page_reads_scores_comments_and_korean() -> None:
    import nbformat

    answer = nbformat.v4.new_markdown_cell("**답**")
    answer.metadata["nbgrader"] = {"grade_id": "essay", "grade": True, "solution": True, "locked": False}
    grades = NotebookGrades(4.5, 5.0, 0.0, {"essay": (4.5, 5.0)}, {"essay": "잘했습니다"}, needs_manual=True)
    html = readable(render(Page("p1", nbformat.v4.new_notebook(cells=[answer]), grades)))
    for words in ("p1", "4.5 / 5.0", "서술형 답 · Written answer", "잘했습니다", "아직 사람이 채점할 부분이 있습니다"):
        assert words in html


def test_bundles_are_the_same_bytes_for_the_same_pages() -> None:
    pages = [Page("p1", None, NotebookGrades(0, 1, 0)), Page("p2", None, NotebookGrades(0, 1, 0))]
    bundle = build_bundle(pages)
    assert bundle == build_bundle([replace(page) for page in pages])
    with tarfile.open(fileobj=io.BytesIO(bundle)) as tar:
        assert sorted(tar.getnames()) == ["p1.html", "p2.html"]


REGIONS = {
    "indented": (
        "for x in y:\n    ### BEGIN HIDDEN TESTS\n    assert x\n    ### END HIDDEN TESTS",
        "    # 숨은 검사 1개",
    ),
    "never ended": ("a = 1\n# BEGIN HIDDEN TESTS\nassert a\nassert b", "# 숨은 검사 2개"),
    "no assertion": ("### BEGIN HIDDEN TESTS\ncheck(a)\ncheck(b)\ncheck(c)\n### END HIDDEN TESTS", "# 숨은 검사 3개"),
    "no Python": ("### BEGIN HIDDEN TESTS\n!diff a b\n# note\n### END HIDDEN TESTS", "# 숨은 검사 1개"),
}


@pytest.mark.parametrize(("text", "shown"), REGIONS.values(), ids=REGIONS)
def test_a_hidden_region_becomes_one_line_that_counts_its_checks(text: str, shown: str) -> None:
    assert shown in find_hidden(text).shown().split(" · ")[0]
    assert "HIDDEN TESTS" not in find_hidden(text).shown()


def test_a_message_that_is_computed_is_not_told() -> None:
    hidden = find_hidden("### BEGIN HIDDEN TESTS\nassert f(3) == 9, f'f(3) is {f(3)}'\n### END HIDDEN TESTS")
    assert hidden.literal_message(2) is None
    assert find_hidden("assert 0, 'why'").literal_message(1) == "why"


@pytest.mark.parametrize("source", COLOURED.values(), ids=COLOURED)
def test_code_has_the_colours_that_ipython_gives_it(source: str) -> None:
    wanted = highlight(source, IPython3Lexer(), HtmlFormatter(style="default", cssclass="highlight hl-ipython3"))
    assert highlighted(source) == wanted
