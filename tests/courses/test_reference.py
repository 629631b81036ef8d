"""docs/reference/catalogue.md and its Korean twin hold what courses/keys.py holds: every key, type and default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from courses.keys import ASSIGNMENT, ATTEMPTS, COURSE, LATE, TRACK
from courses.sections import REQUIRED, TEXT, Section

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = [TRACK, COURSE, ASSIGNMENT, ATTEMPTS, LATE, TEXT]
ROW = re.compile(r"^\| `(?P<key>\w+)` \| (?P<type>.+?) \| (?P<default>.+?) \| (?P<meaning>.+?) \|$", re.MULTILINE)


def rows(document: str, section: Section) -> dict[str, re.Match[str]]:
    """The rows of the table below the heading that is named like the section, by key."""
    text = (DOCS / "reference" / document).read_text(encoding="utf-8")
    part = text.partition(f"\n## {section.name}\n")[2].partition("\n## ")[0]
    return {row["key"]: row for row in ROW.finditer(part)}


@pytest.mark.parametrize("document", ["catalogue.md", "catalogue.ko.md"])
@pytest.mark.parametrize("section", SECTIONS, ids=[section.name for section in SECTIONS])
def test_every_key_is_documented_in_its_order(section, document):
    assert list(rows(document, section)) == [key.name for key in section.keys]


@pytest.mark.parametrize("document", ["catalogue.md", "catalogue.ko.md"])
@pytest.mark.parametrize("section", SECTIONS, ids=[section.name for section in SECTIONS])
def test_every_default_is_documented(section, document):
    required = {"catalogue.md": "required", "catalogue.ko.md": "필수"}[document]
    for key in section.keys:
        default = rows(document, section)[key.name]["default"]
        if key.default is REQUIRED:
            assert default == required, key.name
        else:
            assert yaml.safe_load(default.strip("`")) == key.default, key.name


@pytest.mark.parametrize("section", SECTIONS, ids=[section.name for section in SECTIONS])
def test_every_type_is_documented(section):
    for key in section.keys:
        assert rows("catalogue.md", section)[key.name]["type"] == key.kind.name, key.name


@pytest.mark.parametrize("name", ["catalogue.md", "catalogue.ko.md"])
def test_every_kind_of_mapping_has_a_table(name):
    text = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert [section.name for section in SECTIONS if f"\n## {section.name}\n" in text] == [s.name for s in SECTIONS]


@pytest.mark.parametrize("name", ["write-a-course.md", "write-a-course.ko.md"])
def test_the_course_of_the_how_to_is_one_the_catalogue_takes(name, tmp_path):
    from courses.catalogue import CatalogueError, load_catalogue

    text = (DOCS / "how-to" / name).read_text(encoding="utf-8")
    track, course = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    folder = tmp_path / "job-conversion" / "statistics"
    (folder / "source" / "averages").mkdir(parents=True)
    (folder.parent / "track.yaml").write_text(track, encoding="utf-8")
    (folder / "course.yaml").write_text(course, encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(tmp_path)
    (problem,) = caught.value.problems  # only the notebook is left to write
    assert "must have a notebook" in problem.rule.en
