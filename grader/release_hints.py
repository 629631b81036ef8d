"""What is worth a second look in an assignment, though nothing stands in the way of its release.

Owns the reading of the instructor's own code: nothing is run here. Cells that are no plain Python are left alone.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from courses.model import Text
from grader.release_report import Level, Problem
from grader.source import SourceNotebook

ABSOLUTE = re.compile(
    r"^(?:/(?:home|Users|root|content|kaggle|mnt|media|opt|srv|var|etc|workspace|data)/|[A-Za-z]:[\\/]|~/)"
)
ADDRESS = re.compile(r"^(?:https?|ftp|s3)://", re.IGNORECASE)
FETCHES = re.compile(r"^\s*[!%]\s*(?:pip|conda|wget|curl|git)\b|^\s*!?pip install\b", re.MULTILINE)
NETWORK_MODULES = frozenset(
    {"requests", "httpx", "aiohttp", "urllib", "urllib3", "socket", "ftplib", "gdown", "kaggle", "wget"}
)
READERS = frozenset(
    {"open", "read_csv", "read_excel", "read_json", "read_parquet", "read_table", "read_text", "read_html"}
    | {"loadtxt", "genfromtxt", "load", "imread"}
)
WRITERS = frozenset(
    {"to_csv", "to_excel", "to_json", "to_parquet", "savefig", "save", "savetxt", "write_text", "dump", "imwrite"}
)
INDIRECT = frozenset({"globals", "locals", "get_ipython", "eval", "exec", "In", "Out", "__import__", "getattr", "vars"})


@dataclass(frozen=True)
class CodeCell:
    """A code cell of the reference notebook: its grade id or `#number`, its tree (None: no plain Python), its role."""

    name: str
    source: str
    tree: ast.Module | None
    student: bool
    test: bool


def find_hints(notebook: SourceNotebook, reference: Any, files: frozenset[str]) -> Iterator[Problem]:
    """Notes on one notebook; `reference` is it with its solutions, `files` are the paths a run of it sees."""
    cells = list(code_cells(notebook, reference))
    yield from _unscored(notebook, cells)
    yield from _untouched(notebook, cells)
    yield from _places(notebook, cells, files)


def code_cells(notebook: SourceNotebook, reference: Any) -> Iterator[CodeCell]:
    """The code cells of `reference`, in order."""
    for number, cell in enumerate(reference.cells, 1):
        if cell.cell_type != "code":
            continue
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        known = notebook.cells.get(key) if isinstance(key, str) else None
        source = cell.source if known is None or known.solution else known.source  # with its hidden tests
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            tree = None
        yield CodeCell(
            name=known.name if known else f"#{number}",
            source=source,
            tree=tree,
            student=known is None or known.solution or not known.locked,
            test=known is not None and known.grade and not known.solution,
        )


def _note(rule: str, notebook: SourceNotebook, cell: str, ko: str, en: str) -> Problem:
    return Problem(rule, Level.NOTE, notebook.name, cell, Text(ko=ko, en=en))


def _unscored(notebook: SourceNotebook, cells: Sequence[CodeCell]) -> Iterator[Problem]:
    for cell in cells:
        known = notebook.cells.get(cell.name)
        if cell.test and known is not None and not known.max_score:
            ko, en = "이 테스트 셀은 0점입니다.", "This test cell is worth no points."
        elif not cell.test and not cell.student and cell.tree and _asserts(cell.tree):
            ko, en = "테스트가 있지만 채점되지 않는 셀입니다.", "This cell holds tests, but nothing is graded by it."
        else:
            continue
        yield _note(
            "no-points",
            notebook,
            cell.name,
            f"{ko} 의도한 것이 아니면 nbgrader에서 배점을 주세요.",
            f"{en} Give it points in nbgrader unless you mean it so.",
        )


def _asserts(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def _untouched(notebook: SourceNotebook, cells: Sequence[CodeCell]) -> Iterator[Problem]:
    """Test cells that use no name which, directly or through given code, comes from the student."""
    theirs: set[str] = set()
    for cell in cells:
        if cell.tree is None:
            if cell.student:
                return  # magics may bind anything
            continue
        loaded, bound = _names(cell.tree)
        if cell.test and not (loaded | bound) & (theirs | INDIRECT) and cell.source.strip():
            yield _note(
                "student-not-tested",
                notebook,
                cell.name,
                "이 테스트는 교육생이 쓰는 이름을 하나도 쓰지 않습니다. 교육생의 함수나 변수를 확인하게 하세요.",
                "This test uses no name that students write. Make it look at their functions or variables.",
            )
        if cell.student:
            theirs |= bound | (loaded - set(dir(builtins)))
        elif loaded & theirs:
            theirs |= bound


def _names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Names a cell reads (anywhere) and binds (anywhere)."""
    loaded: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
    imports = (node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)))
    imported = {(alias.asname or alias.name).split(".")[0] for node in imports for alias in node.names}
    return loaded, bound - imported


def _places(notebook: SourceNotebook, cells: Sequence[CodeCell], files: frozenset[str]) -> Iterator[Problem]:
    written = {text for cell in cells if cell.tree for name, text, w in _calls(cell.tree) if w or name in WRITERS}
    for cell in cells:
        if FETCHES.search(cell.source) or (cell.tree and _reaches_out(cell.tree)):
            yield _note(
                "network",
                notebook,
                cell.name,
                "네트워크를 쓰는 것으로 보입니다. 채점할 때는 네트워크가 없으니 자료를 과제 폴더에 넣으세요.",
                "It seems to use the network. There is none when work is marked: put the data beside the notebook.",
            )
        for text in sorted({text for text in _texts(cell.tree) if ABSOLUTE.match(text)}) if cell.tree else ():
            yield _note(
                "absolute-path",
                notebook,
                cell.name,
                f"절대 경로 '{text[:80]}'은(는) 교육생과 채점기에 없습니다. 노트북 옆에 두고 상대 경로로 쓰세요.",
                f"The absolute path '{text[:80]}' exists neither for students nor when marking. Use a path beside the "
                "notebook.",
            )
        for name, text, writes in _calls(cell.tree) if cell.tree else ():
            known = text in files or any(path.startswith(text.rstrip("/") + "/") for path in files)
            plain = "." in text and not ADDRESS.match(text) and not ABSOLUTE.match(text) and "\n" not in text
            if name in READERS and not writes and plain and not known and text not in written:
                yield _note(
                    "file-missing",
                    notebook,
                    cell.name,
                    f"파일 '{text[:80]}'을(를) 읽지만 학생용 파일에 없습니다. 과제의 원본 폴더에 넣으세요.",
                    f"It reads '{text[:80]}', which is not in the student version. Put it into the assignment's source "
                    "folder.",
                )


def _calls(tree: ast.AST) -> Iterator[tuple[str, str, bool]]:
    """Calls whose first argument is text: function, text, whether a mode says that it writes."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            others = (*node.args[1:], *(keyword.value for keyword in node.keywords))
            modes = [a.value for a in others if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            writes = name == "open" and any(set(mode) & set("wax") and len(mode) < 4 for mode in modes)
            yield name, first.value.removeprefix("./"), writes


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
            yield node.value


def _reaches_out(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] in NETWORK_MODULES for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in NETWORK_MODULES:
            return (node.module or "") != "urllib.parse"
        if isinstance(node, ast.Call) and any(
            isinstance(a, ast.Constant) and isinstance(a.value, str) and ADDRESS.match(a.value) for a in node.args
        ):
            return True
    return False
