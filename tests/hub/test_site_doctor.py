"""What the doctor says of a hub and a proxy that really run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from portal.checks.clocks import Clocks
from portal.checks.programs import examine_programs
from portal.settings import PortalSettings


def test_a_hub_and_a_proxy_that_run_are_found_well_and_something_else_in_the_portals_place_is_not(
    demo_hub: Any, tmp_path: Path
) -> None:
    clocks = Clocks()
    settings = PortalSettings.from_environment(demo_hub.environment, data=tmp_path)
    found = {finding.subject: finding for finding in examine_programs(settings, clocks)}
    assert found["Proxy"].state == "ok"
    assert found["Hub"].state == "ok"
    assert "JupyterHub 6." in found["Hub"].what
    assert "is no portal" in found["Portal"].what  # the tests' stand-in tells no health
    assert "Certificate" not in found
    assert [finding.state for finding in clocks.findings()] == ["ok"]
