"""How a person's server starts: what it doesn't import, and that what it puts off is there when somebody asks."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hub_config.lab import assignment_list, deferred, formgrader, validate_assignment

NEVER_USED = ("sqlalchemy", "alembic", "aiohttp", "requests", "httpx", "nbgrader", "rfc3987_syntax")


def run_python(code: str, *, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(Path(deferred.__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_server_is_ready_to_start_without_what_it_does_not_use(tmp_path: Path) -> None:
    code = f"""
import json, sys
from hub_config.lab import start
from hub_config.lab.deferred import Deferred
start.prepare()
import hub_config.lab.server
print(json.dumps([name for name in {NEVER_USED!r}
                  if sys.modules.get(name) and not isinstance(sys.modules[name], Deferred)]))
"""
    done = run_python(code, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_a_start_that_can_not_be_made_quick_is_a_plain_one(tmp_path: Path) -> None:
    code = "import sys, sqlalchemy; from hub_config.lab import start; sys.argv = ['lab', '--version']; start.main()"
    done = run_python(code, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "starting jupyterhub-singleuser instead. ImportError: sqlalchemy" in done.stderr
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of two modules that say when they are loaded; its name."""
    name = "package_put_off"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("LOADED = []\n")
    (folder / "one.py").write_text(f"import {name}\n{name}.LOADED.append('one')\ndef double(n): return 2 * n\n")
    (folder / "two.py").write_text("raise RuntimeError('this one is broken')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    double = deferred.DeferredCall(f"{name}.one", "double")
    deferred.defer({f"{name}.one": {"double": double}, f"{name}.two": {}})
    return name


def loaded(package: str) -> list[str]:
    names: list[str] = importlib.import_module(package).LOADED
    return names


def test_a_deferred_module_is_loaded_by_its_first_use(package: str) -> None:
    one = importlib.import_module(f"{package}.one")
    double = one.double
    assert loaded(package) == []
    assert double(21) == 42
    assert loaded(package) == ["one"]
    assert deferred.load(f"{package}.one").double(4) == 8
    assert type(sys.modules[f"{package}.one"]) is ModuleType


def test_a_deferred_module_that_can_not_be_loaded_says_so_each_time(package: str) -> None:
    two = importlib.import_module(f"{package}.two")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="this one is broken"):
            _ = two.something


def test_what_is_loaded_already_can_not_be_deferred() -> None:
    with pytest.raises(ImportError, match="json can't be deferred"):
        deferred.defer({"json": {}})


@pytest.mark.parametrize("ours", [assignment_list, validate_assignment], ids=lambda module: module.__name__)
def test_every_address_of_nbgraders_extension_is_known_before_it_is_loaded(ours: ModuleType) -> None:
    name = ours.__name__.rpartition(".")[2]
    handlers = importlib.import_module(f"nbgrader.server_extensions.{name}.handlers").default_handlers
    samples = [re.sub(r"\(\?P<action>(\w+)\|.*\)", r"\1", pattern) for pattern, _ in handlers]
    known = [*ours.ADDRESSES, *assignment_list.ADDRESSES]
    assert [path for path in samples if not any(re.fullmatch(pattern, path) for pattern in known)] == []


def test_every_address_of_formgrader_is_known_before_it_is_loaded() -> None:
    from nbgrader.server_extensions.formgrader import apihandlers, handlers

    patterns = [entry[0] for entry in (*handlers.default_handlers, *apihandlers.default_handlers)]
    below = [re.sub(r"[(?].*", "", pattern).rstrip("/") for pattern in patterns]
    (known,) = formgrader.ADDRESSES
    assert [path for path in below if not re.fullmatch(known, path)] == []
