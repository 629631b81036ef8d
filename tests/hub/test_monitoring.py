"""Alerts and dashboard speak of figures that hub, portal and proxy really have. Scraped from the real ones."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from portal_site import run_site
from ports import free_port
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
PROXY = ROOT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
PROMTOOL = shutil.which("promtool")
TOKEN = secrets.token_hex(32)
#: Prometheus' own
BUILT_IN = {"up"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
WORDS = {
    *("sum", "min", "max", "count", "rate", "increase", "histogram_quantile", "by", "and", "or", "unless"),
    *("le", "kind", "state", "status", "reason", "role", "phase", "needs", "priority", "outcome", "job", "track"),
}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found = json.loads((MONITORING / "grafana" / "dashboard.json").read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions() -> dict[str, str]:
    """Every query, by where it stands."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in alerts()}
    for panel in panels():
        found |= {f"panel {panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    return found


def named(expression: str) -> set[str]:
    """The figures that a query names."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
    return {word for word in re.findall(r"[a-z_][a-z0-9_]*", bare) if word not in WORDS}


def offered(text: str) -> set[str]:
    """The names of the series in a scrape; those that have no sample yet, too."""
    types = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    return {name + suffix for name, kind in types for suffix in SUFFIXES.get(kind, ("",))}


@pytest.fixture(scope="module")
def proxy_figures() -> Iterator[str]:
    api, public, figures = free_port(), free_port(), free_port()
    command = [shutil.which("node") or "node", str(PROXY), "--ip", "127.0.0.1", "--port", str(public)]
    command += ["--api-ip", "127.0.0.1", "--api-port", str(api), "--metrics-ip", "127.0.0.1"]
    proxy = subprocess.Popen([*command, "--metrics-port", str(figures), "--log-level", "error"])

    def scraped() -> str:
        try:
            return httpx.get(f"http://127.0.0.1:{figures}/metrics", trust_env=False).text
        except httpx.TransportError:
            return ""

    try:
        yield wait_for("the proxy's figures", scraped)
    finally:
        proxy.terminate()
        proxy.wait(20)


@pytest.fixture(scope="module")
def series(demo_hub: Any, proxy_figures: str, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Everything that hub, portal and proxy tell, each asked as deploy/monitoring/prometheus.yml does."""
    with run_site(tmp_path_factory.mktemp("watched") / "data", metrics_token=TOKEN) as site:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        portal = httpx.get(f"{site.url}/api/metrics", headers=headers, trust_env=False)
    headers = {"Authorization": f"Bearer {demo_hub.environment['BITGOEUL_METRICS_TOKEN']}"}
    hub = httpx.get(f"{demo_hub.url}/hub/metrics", headers=headers, trust_env=False)
    assert (portal.status_code, hub.status_code) == (200, 200)
    return offered(portal.text) | offered(hub.text) | offered(proxy_figures)


@pytest.mark.parametrize("where", expressions())
def test_every_figure_that_is_watched_exists(series: set[str], where: str) -> None:
    names = named(expressions()[where])
    assert names
    assert names - series - BUILT_IN == set()


def test_every_alert_says_what_to_do_in_both_languages() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].isascii()
        assert re.search("[가-힣]", rule["annotations"]["summary_ko"])


def test_the_addresses_and_the_token_are_those_of_the_campus() -> None:
    jobs = {
        job["job_name"]: job for job in yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    }
    assert jobs["portal"]["metrics_path"] == "/services/portal/api/metrics"
    assert jobs["hub"]["metrics_path"] == "/hub/metrics"
    assert {jobs[name]["authorization"]["credentials_file"] for name in ("portal", "hub")} == {
        "/run/secrets/metrics_token"
    }


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt-get install prometheus")
@pytest.mark.parametrize("command", [("rules", "alerts.yml"), ("config", "--syntax-only", "prometheus.yml")])
def test_prometheus_accepts_the_files(command: tuple[str, ...]) -> None:
    checked = subprocess.run(
        [str(PROMTOOL), "check", *command], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt-get install prometheus")
def test_prometheus_can_read_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"watched:{number}", "expr": text} for number, text in enumerate(expressions().values())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    checked = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


CASES = {
    "ProgramDown": {'up{job="hub", instance="hub:8081"}': "1 0x20"},
    "HubOutOfStep": {"bitgoeul_hub_in_step": "0x40"},
    "NobodyMarks": {"bitgoeul_workers": "0x40", 'bitgoeul_queue_depth{priority="0"}': "3x40"},
    "NobodyMarksThisKind": {'bitgoeul_lane_depth{needs="h100"}': "2x40", 'bitgoeul_worker_slots{needs="cpu"}': "4x40"},
    "MarkingsFail": {'bitgoeul_markings_finished_total{kind="mark", outcome="failed"}': "0x10 1x30"},
    "PeopleWaitForGpus": {'bitgoeul_gpu_tickets{kind="gpu"}': "21x40"},
    "SlicesWithoutWork": {'bitgoeul_gpu_idle_leased_seconds_total{kind="gpu"}': "0+360x90"},
}


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt-get install prometheus")
@pytest.mark.parametrize("alert", CASES)
def test_an_alert_fires_when_what_it_watches_for_happens(tmp_path: Path, alert: str) -> None:
    """By Prometheus' own evaluation. It must fire at the end, and must not at the beginning."""
    at = "80m" if alert == "SlicesWithoutWork" else "25m"
    (tmp_path / "alerts.yml").write_text((MONITORING / "alerts.yml").read_text())
    series_ = [{"series": name, "values": values} for name, values in CASES[alert].items()]
    query = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    case = {
        "interval": "1m",
        "input_series": series_,
        "promql_expr_test": [
            {"expr": query, "eval_time": at, "exp_samples": [{"value": 1, "labels": "{}"}]},
            {"expr": query, "eval_time": "0m", "exp_samples": []},
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["alerts.yml"], "tests": [case]}))
    checked = subprocess.run(
        [str(PROMTOOL), "test", "rules", "test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
