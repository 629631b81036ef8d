"""The portal's log and the id of a request: in every line, in the answer, on error pages; and what is never told."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from portal_site import Site
from ports import free_port
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from waiting import wait_for

from cohorts.database import Database
from portal.logs import REQUEST, JsonLines, TextLines, is_sane
from portal.settings import PortalSettings, SettingsError

ROOT = Path(__file__).resolve().parents[2]
TOLD = {"time", "level", "logger", "message", "component", "process"}


class RunningPortal:
    """The portal as a process, in a campus whose hub is away, and what it wrote to its log."""

    def __init__(self, folder: Path, form: str) -> None:
        self.port, self.log = free_port(), folder / "log"
        self.secret, self.token = secrets.token_hex(32), secrets.token_hex(32)
        (folder / "session").write_text(self.secret + "\n")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("BITGOEUL_")}
        environ |= {
            "PYTHONPATH": str(ROOT),
            "BITGOEUL_DATA": str(folder / "data"),
            "BITGOEUL_LOG_FORMAT": form,
            "BITGOEUL_PORTAL_TOKEN": self.token,
            "BITGOEUL_SESSION_SECRET_FILE": str(folder / "session"),
            "BITGOEUL_HUB_API_URL": f"http://127.0.0.1:{free_port()}/hub/api",
            "BITGOEUL_PORTAL_URL": f"http://127.0.0.1:{self.port}/services/portal",
        }
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "portal.server", "--port", str(self.port)]
            self.process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=log, stderr=log)
        wait_for("the portal answers", self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ask("/api/health").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, path: str, **headers: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}/services/portal{path}"
        return httpx.get(
            url, headers={name.replace("_", "-"): value for name, value in headers.items()}, trust_env=False
        )

    def lines_with(self, word: str) -> list[str]:
        found: list[str] = wait_for(
            f"a line with {word}", lambda: [line for line in self.log.read_text().splitlines() if word in line]
        )
        return found


@pytest.fixture(params=["json", "text"])
def portal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningPortal]:
    running = RunningPortal(tmp_path, request.param)
    yield running
    running.process.terminate()
    running.process.wait(20)


def test_a_request_is_told_in_one_line_without_its_query_headers_and_secrets(portal: RunningPortal) -> None:
    answer = portal.ask(
        "/nothing?code=s3cr3t-code&token=s3cr3t-token",
        Authorization="token s3cr3t-header",
        Cookie="bitgoeul-session=s3cr3t-cookie",
        X_Request_ID="click-0001",
    )
    assert answer.headers["x-request-id"] == "click-0001"
    (line,) = portal.lines_with("GET /services/portal/nothing")
    assert "click-0001" in line
    whole = portal.log.read_text()
    assert [word for word in ("s3cr3t", portal.secret, portal.token) if word in whole] == []


@pytest.mark.parametrize("portal", ["json"], indirect=True)
def test_every_line_is_an_object_with_the_same_fields(portal: RunningPortal) -> None:
    portal.ask("/nothing", X_Request_ID="click-0002")
    portal.lines_with("click-0002")
    lines = [json.loads(line) for line in portal.log.read_text().splitlines()]
    assert len(lines) > 3  # what uvicorn, the migrations and the portal tell
    assert [line for line in lines if not line.keys() >= TOLD] == []
    assert {line["component"] for line in lines} == {"portal"}
    assert {line["process"] for line in lines} == {portal.process.pid}
    assert all(abs(datetime.now(UTC) - datetime.fromisoformat(line["time"])).total_seconds() < 300 for line in lines)
    access = next(line for line in lines if line.get("request") == "click-0002" and "path" in line)
    assert (access["method"], access["path"], access["status"], access["user"]) == (
        "GET",
        "/services/portal/nothing",
        404,
        "",
    )
    assert 0 < access["ms"] < 30_000


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("6f0c1a2b3c4d", True),
        ("0b9c-11ee.be56_0242", True),
        ("short", False),
        ("a" * 65, False),
        ("<script>alert</script>", False),
        ("../../etc/passwd", False),
        ("id with spaces", False),
    ],
)
def test_an_id_from_outside_is_kept_only_where_it_is_short_and_harmless(
    busy_site: Site, given: str, kept: bool
) -> None:
    answer = httpx.get(f"{busy_site.url}/api/health", headers={"X-Request-ID": given}, trust_env=False)
    told = answer.headers["x-request-id"]
    assert is_sane(told)
    assert (told == given) is kept


def test_who_asked_is_told_by_name(busy_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    def who() -> set[str]:
        return {record.access["user"] for record in caplog.records if hasattr(record, "access")}

    with caplog.at_level(logging.INFO, "bitgoeul.portal.access"), busy_site.client("haneul.lee") as client:
        told = client.get("/").headers["x-request-id"]
        assert wait_for("the line of that request", who) == {"haneul.lee"}
    assert re.fullmatch("[0-9a-f]{12}", told)


@pytest.mark.parametrize("locale", ["ko", "en"])
def test_an_error_page_shows_the_number_to_ask_about(busy_site: Site, locale: str) -> None:
    with busy_site.client("haneul.lee", locale=locale) as client:
        page = client.get("/nothing/here")
    assert f"<code>{page.headers['x-request-id']}</code>" in page.text


def test_a_line_break_in_an_address_makes_no_second_line(portal: RunningPortal) -> None:
    portal.ask("/nothing%0A2026-01-01 INFO forged")
    (line,) = portal.lines_with("forged")
    assert "GET /services/portal/nothing%0A2026-01-01%20INFO%20forged" in line


@pytest.mark.parametrize("form", [TextLines(), JsonLines("portal")], ids=["text", "json"])
def test_what_a_failed_statement_was_given_is_left_out(tmp_path: Path, form: logging.Formatter) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    stream, answer = io.StringIO(), secrets.token_hex(8)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(form)
    log = logging.Logger("test")
    log.addHandler(handler)
    REQUEST.set("click-0003")
    with database.read() as session:
        try:
            session.execute(text("select * from nowhere where answer = :answer"), {"answer": answer})
        except DBAPIError:
            log.exception("it failed")
    database.close()
    REQUEST.set("")
    written: Any = stream.getvalue()
    assert "no such table" in written
    assert answer not in written
    assert "click-0003" in written


def test_another_form_than_text_or_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BITGOEUL_LOG_FORMAT is 'xml'; it must be text or json"):
        PortalSettings.from_environment({"BITGOEUL_LOG_FORMAT": "xml"}, data=tmp_path)
