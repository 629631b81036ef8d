"""The repository: lock files name versions and hashes only, nothing is left to do, modules stay small."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_lock_files_carry_no_address() -> None:
    locks = [*(ROOT / "requirements").glob("*.txt"), ROOT / "package-lock.json"]
    assert [path.name for path in locks if "://" in path.read_text()] == []


def test_every_locked_python_package_has_a_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        names = re.findall(r"^[a-z0-9._\[\]-]+==", path.read_text(), re.M)
        blocks = re.split(r"^(?=[a-z0-9._\[\]-]+==)", path.read_text(), flags=re.M | re.I)[1:]
        assert len(blocks) >= len(names) > 0
        assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_nothing_is_left_to_do() -> None:
    mark = re.compile(r"\b(TODO|FIXME|XXX)\b")
    code = [path for path in tracked() if path.suffix in {".py", ".js", ".css", ".html", ".yaml"}]
    assert [
        str(path.relative_to(ROOT)) for path in code if path != Path(__file__) and mark.search(path.read_text())
    ] == []


def test_modules_stay_small_enough_to_hold_one_noun() -> None:
    packages = ("hub_config", "courses", "cohorts", "gpus", "grader", "lab_side", "portal")
    modules = [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in packages]
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}
    assert {name: lines for name, lines in long.items() if lines > 400 and "migrations" not in name} == {}
