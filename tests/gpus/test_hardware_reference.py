"""The reference of the hardware file keeps up with the code: every key is described with its default, and no other."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from gpus.hardware import DeclaredNode, DeclaredSlice, Hardware, Profile, Rules, read_duration, read_size

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = DOCS / "reference" / "hardware.md"
SECTIONS = {"profiles": (Profile,), "rules": (Rules,), "nodes": (DeclaredNode, DeclaredSlice)}


def rows(section: str) -> dict[str, str]:
    """Keys of the section's table, each with what stands under `default`."""
    text = REFERENCE.read_text().partition(f"## `{section}`")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE))


def test_every_part_of_the_file_has_its_section() -> None:
    assert set(SECTIONS) == set(Hardware.model_fields)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_described_and_no_other(section: str) -> None:
    keys = {name for model in SECTIONS[section] for name in model.model_fields}
    assert set(rows(section)) == keys


@pytest.mark.parametrize(("section", "model"), [("profiles", Profile), ("rules", Rules)])
def test_defaults_are_those_of_the_code(section: str, model: type[BaseModel]) -> None:
    told = rows(section)
    wrong = {}
    for name, field in model.model_fields.items():
        plain = told[name].strip("`")
        if field.is_required():
            right = plain == "must be given"
        else:
            right = _same(plain, field.get_default(call_default_factory=True))
        if not right:
            wrong[name] = plain
    assert wrong == {}


def _same(told: str, default: Any) -> bool:
    if default in (None, {}):
        return not re.match(r"[0-9]+[a-zA-Z]?$", told)  # "none", "all", "no limit": said in words
    if isinstance(default, timedelta):
        return read_duration(told) == default
    if isinstance(default, int) and default > 1024:
        return read_size(told) == default
    if isinstance(default, int | float):
        return float(told.removesuffix("M")) * (1024**2 if told.endswith("M") else 1) == default
    return told == default


@pytest.mark.parametrize("page", ["lend-gpus.md", "lend-gpus.ko.md"])
def test_the_example_of_the_how_to_is_right(page: str) -> None:
    example = re.findall(r"```yaml\n(.+?)```", (DOCS / "how-to" / page).read_text(), re.DOTALL)[0]
    declared = Hardware.model_validate(yaml.safe_load(example))
    kinds = {piece.kind for node in declared.nodes for piece in node.slices}
    assert set(declared.kinds()) == kinds
