"""The reference of settings keeps up with the code: what is read is described, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hub_config.gate_settings import read_gate_settings
from hub_config.providers import SIGN_INS
from hub_config.settings import read_settings
from portal.settings import PortalSettings

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference" / "settings.md"
PACKAGES = ("hub_config", "courses", "cohorts", "grader", "portal")


class Recording(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values_given = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_given)

    def __len__(self) -> int:
        return len(self.values_given)


def described() -> set[str]:
    rows = re.findall(r"^\| (`.+?) \|", REFERENCE.read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}


def read_by_hub_portal_and_gate(data: Path) -> set[str]:
    asked: set[str] = set()
    for kind in SIGN_INS:
        environ = Recording(
            {
                "BITGOEUL_DATA": str(data),
                "BITGOEUL_SIGN_IN": kind,
                "BITGOEUL_PORTAL_TOKEN": "t",
                "CONFIGPROXY_AUTH_TOKEN": "p",
                "BITGOEUL_DEMO_SECRET": "ab" * 16,
                "BITGOEUL_OAUTH_CLIENT_ID": "i",
                "BITGOEUL_OAUTH_CLIENT_SECRET": "s",
                "BITGOEUL_OIDC_ISSUER": "https://id.example.kr",
                "BITGOEUL_AZUREAD_TENANT": "t",
            }
        )
        read_settings(environ)
        PortalSettings.from_environment(environ)
        asked |= environ.asked
    gate = Recording({"BITGOEUL_WORKER_IMAGE": "marking"})
    read_gate_settings(gate)
    return asked | gate.asked


def test_every_setting_that_is_read_is_described(tmp_path: Path) -> None:
    asked = read_by_hub_portal_and_gate(tmp_path)
    assert len(asked) > 30
    assert asked - described() == set()


def texts() -> Iterator[str]:
    """Whatever takes settings: programs, and the files that a site deploys."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            yield path.read_text()
    for deployed in ("docker-compose.yml", "deploy/stack.yml", "deploy/swarm"):
        yield (ROOT / deployed).read_text()


def test_every_variable_that_the_code_names_is_described() -> None:
    named = {name for text in texts() for name in re.findall(r"\b(?:BITGOEUL|CONFIGPROXY)(?:_[A-Z]+)+\b", text)}
    assert named - described() == set()


def test_nothing_is_described_that_is_never_read(tmp_path: Path) -> None:
    everything = "\n".join(texts())
    asked = read_by_hub_portal_and_gate(tmp_path)
    assert {name for name in described() - asked if name not in everything} == set()


@pytest.mark.parametrize("page", ["docs/how-to/sign-in.md", "docs/how-to/sign-in.ko.md"])
def test_the_how_to_names_only_variables_that_exist(page: str) -> None:
    named = set(re.findall(r"\bBITGOEUL(?:_[A-Z]+)+\b", (ROOT / page).read_text()))
    assert {"BITGOEUL_OIDC_ISSUER", "BITGOEUL_SIGN_IN_CLAIM", "BITGOEUL_AZUREAD_TENANT"} <= named
    assert named - described() == set()


def test_defaults_in_the_reference_are_the_code_s(tmp_path: Path) -> None:
    settings = read_settings(
        {
            "BITGOEUL_DATA": str(tmp_path),
            "BITGOEUL_PORTAL_TOKEN": "t",
            "CONFIGPROXY_AUTH_TOKEN": "p",
            "BITGOEUL_DEMO_SECRET": "ab" * 16,
        }
    )
    defaults = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", REFERENCE.read_text(), re.MULTILINE))
    assert defaults["BITGOEUL_PUBLIC_URL"] == settings.public_url
    assert defaults["BITGOEUL_HUB_API_URL"] == settings.hub_api_url
    assert defaults["BITGOEUL_PORTAL_URL"] == settings.portal_url
    assert defaults["BITGOEUL_PROXY_API_URL"] == settings.proxy_api_url
    assert defaults["BITGOEUL_SIGN_IN"] == settings.sign_in
    assert defaults["BITGOEUL_LOCALE"] == settings.locale
    assert defaults["BITGOEUL_TIMEZONE"] == settings.timezone
    assert defaults["BITGOEUL_SPAWNER"] == settings.spawner
    assert defaults["BITGOEUL_LAB_STARTS"] == str(settings.labs.concurrent_starts)
