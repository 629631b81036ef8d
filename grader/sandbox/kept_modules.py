"""Modules of ours that can still be imported when their files are out of sight: their sources are kept in memory.

Owns the finder for one package, whose parts are imported only once the libraries they are about are there. It holds the
grader's public code and nothing else.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


class KeptModules(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the modules of one package, from what its folder held when this was made."""

    def __init__(self, package: str, folder: Path) -> None:
        self._paths = {f"{package}.{path.stem}": path for path in folder.glob("*.py") if path.stem != "__init__"}
        self._sources = {name: path.read_text(encoding="utf-8") for name, path in self._paths.items()}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._sources:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self._paths[fullname]))

    def get_source(self, fullname: str) -> str:
        return self._sources[fullname]

    def is_package(self, fullname: str) -> bool:
        return False


def keep_modules(package: str) -> None:
    """From now on the modules of `package`, which is importable now, don't need their files any more."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    sys.meta_path.append(KeptModules(package, Path(next(iter(spec.submodule_search_locations)))))
