"""Documents keep up with the code: links lead somewhere, every command and option group is described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
    relative = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in relative if not (document.parent / link).exists()] == []


def test_every_command_is_in_the_reference() -> None:
    text = (ROOT / "docs/reference/commands.md").read_text()
    assert [name for name in COMMANDS if f"`bitgoeul {name}" not in text] == []


def test_every_how_to_and_tutorial_can_be_read_in_korean() -> None:
    """Either a twin `NAME.ko.md`, or both languages in one page."""
    pages = [page for folder in ("tutorial", "how-to") for page in (ROOT / "docs" / folder).glob("*.md")]
    missing = [
        page.name
        for page in pages
        if not page.name.endswith(".ko.md")
        and not page.with_suffix(".ko.md").exists()
        and len(re.findall(r"[가-힣]", page.read_text())) < 100
    ]
    assert missing == []


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page != "README.md" and not page.endswith(".ko.md") and page not in index] == []
