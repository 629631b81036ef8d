"""Settings of a node's agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohorts.errors import Invalid
from gpus.node.settings import NodeSettings

TOKEN = "t" * 32


def test_a_node_is_named_after_the_machine_unless_the_site_names_it() -> None:
    assert NodeSettings.from_environment({"BITGOEUL_NODE_NAME": "node7"}).name == "node7"
    assert NodeSettings.from_environment({}).name


def test_the_token_may_lie_in_a_file_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    settings = NodeSettings.from_environment({"BITGOEUL_NODE_TOKEN_FILE": str(file)})
    assert settings.token == TOKEN
    assert TOKEN not in repr(settings)


def test_kinds_are_pairs() -> None:
    settings = NodeSettings.from_environment({"BITGOEUL_NODE_KINDS": " 1g.18gb=gpu-slice , gpu = gpu-full,"})
    assert settings.kinds == {"1g.18gb": "gpu-slice", "gpu": "gpu-full"}


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        pytest.param("PORTAL_URL", "campus.example.kr", "must be an address", id="an address without scheme"),
        pytest.param("NODE_TOKEN", "short", "32 at least", id="a short token"),
        pytest.param("NODE_TOKEN_FILE", "/nowhere/token", "can't be read", id="a file that isn't there"),
        pytest.param("NODE_KINDS", "1g.18gb", "FOUND=NAME", id="a kind without a name"),
        pytest.param("NODE_KINDS", "gpu=a b", "FOUND=NAME", id="a name with a space"),
    ],
)
def test_a_wrong_setting_names_itself_and_the_rule_in_both_languages(name: str, value: str, rule: str) -> None:
    with pytest.raises(Invalid, match=rule) as caught:
        NodeSettings.from_environment({f"BITGOEUL_{name}": value})
    assert f"BITGOEUL_{name}" in caught.value.message
    assert f"BITGOEUL_{name}" in caught.value.korean != caught.value.message
    assert "short" not in caught.value.message


def test_an_empty_token_file_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    with pytest.raises(Invalid, match="32 at least"):
        NodeSettings.from_environment({"BITGOEUL_NODE_TOKEN_FILE": str(tmp_path / "token")})


@pytest.mark.parametrize("missing", ["PORTAL_URL", "NODE_TOKEN"])
def test_an_agent_needs_somebody_to_tell(missing: str) -> None:
    environ = {"BITGOEUL_PORTAL_URL": "https://campus.example.kr/services/portal", "BITGOEUL_NODE_TOKEN": TOKEN}
    NodeSettings.from_environment(environ).require_portal()
    del environ[f"BITGOEUL_{missing}"]
    with pytest.raises(Invalid, match=f"BITGOEUL_{missing} is not set"):
        NodeSettings.from_environment(environ).require_portal()
