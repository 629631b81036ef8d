"""Imports go one way: courses <- cohorts <- grader <- portal; the hub's configuration stands apart."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("hub_config", "courses", "cohorts", "gpus", "grader", "lab_side", "portal")
MAY_IMPORT = {
    "courses": {"courses"},
    "cohorts": {"cohorts", "courses"},
    "grader": {"grader", "cohorts", "courses"},
    "gpus": {"gpus", "cohorts", "courses"},
    "portal": {"portal", "gpus", "grader", "cohorts", "courses"},
    "hub_config": {"hub_config"},
    "lab_side": {"lab_side"},
}
PLUGIN_MAY_IMPORT = {"grader.exchange", "nbgrader", "httpx", "traitlets"} | set(sys.stdlib_module_names)
LAB_SIDE_MAY_IMPORT = {"lab_side", "jupyter_server", "tornado"} | set(sys.stdlib_module_names)


def modules(package: str) -> list[Path]:
    folder = ROOT / package
    return sorted(path for path in folder.rglob("*.py") if "content" not in path.relative_to(folder).parts)


def imported(path: Path) -> set[str]:
    """Absolute names of the modules that the file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("package", [name for name in OURS if (ROOT / name).is_dir()])
def test_a_package_imports_only_what_stands_below_it(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        for name in imported(path)
        if name.split(".")[0] in OURS and name.split(".")[0] not in MAY_IMPORT[package]
    ]
    assert wrong == []


def test_the_exchange_plugin_needs_nothing_but_nbgrader_httpx_and_the_standard_library() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("grader/exchange")
        for name in imported(path)
        if name not in PLUGIN_MAY_IMPORT and name.split(".")[0] not in PLUGIN_MAY_IMPORT
        if not name.startswith("grader.exchange")
    ]
    assert wrong == []


def test_what_runs_in_a_learners_server_needs_nothing_but_jupyter_server_tornado_and_the_standard_library() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("lab_side")
        for name in imported(path)
        if name.split(".")[0] not in LAB_SIDE_MAY_IMPORT
    ]
    assert wrong == []


def test_the_hubs_configuration_is_a_table_of_contents() -> None:
    tree = ast.parse((ROOT / "jupyterhub_config.py").read_text())
    forbidden = (ast.If, ast.FunctionDef, ast.AsyncFunctionDef, ast.For, ast.While, ast.Lambda)
    assert [type(node).__name__ for node in ast.walk(tree) if isinstance(node, forbidden)] == []
