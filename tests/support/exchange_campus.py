"""A portal of the tests' own: real routes, real database, real server on loopback; only the hub is played.

`campus` has two offerings and seven people. Tokens are what the hub would know: `campus.token("minji")`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import nbformat
import uvicorn
from sqlalchemy import func, select

from cohorts.database import Database
from cohorts.hub import Hub
from cohorts.models import Cohort, Membership, MembershipState, Offering, Person, Role
from courses.model import Catalogue
from grader.models import Assignment, Attempt, Feedback, Marking, Release
from grader.releases import publish
from grader.storage import Storage
from grader.submissions import Receipt, receive
from portal.app import create_app
from portal.context import Campus
from portal.hub_sign_in import HubSignIn
from portal.settings import PortalSettings

COURSE = "jc-2026-1-python-data"
OTHER_COURSE = "cc-2026-1-vision"
PEOPLE = {
    "minji": (Role.STUDENT, "jc-2026-1"),
    "junho": (Role.STUDENT, "jc-2026-1"),
    "seoyeon": (Role.INSTRUCTOR, "jc-2026-1"),
    "dahye": (Role.ASSISTANT, "jc-2026-1"),
    "haneul": (Role.STUDENT, "cc-2026-1"),
    "taeyang": (Role.INSTRUCTOR, "cc-2026-1"),
    "boram": (None, None),
}
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def tar_gz(files: dict[str, str | bytes]) -> bytes:
    """A gzipped tar as any client may make it; the same bytes for the same files."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


class PlayedHub(BaseHTTPRequestHandler):
    """The hub's GET /user: a server's token is `token-of-<user name>`."""

    def do_GET(self) -> None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        known = self.path == "/hub/api/user" and kind == "token" and token.startswith("token-of-")
        name = token.removeprefix("token-of-")
        scopes = [f"users:activity!user={name}", f"access:servers!server={name}/", "access:services!service=portal"]
        model = {"kind": "user", "name": name, "scopes": scopes}
        body = json.dumps(model if known else {"status": 403}).encode()
        self.send_response(200 if known else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class TestCampus:
    """Everything a test of the exchange needs."""

    __test__ = False

    data: Path
    database: Database
    storage: Storage
    url: str = ""
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))

    def token(self, username: str) -> str:
        return f"token-of-{username}"

    def ask(self, username: str | None, method: str, path: str, **more: Any) -> httpx.Response:
        """A request to the exchange's API as `username`."""
        headers = {"Authorization": f"token {self.token(username)}"} if username else {}
        headers |= more.pop("headers", {})
        return self.client.request(method, f"{self.url}/api/exchange{path}", headers=headers, **more)

    def submit(
        self,
        username: str | None,
        body: bytes,
        *,
        key: str = "key-00000001",
        course: str = COURSE,
        assignment: str = "ps1",
        sha256: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        told = {"Idempotency-Key": key, "X-Content-SHA256": sha256 or hashlib.sha256(body).hexdigest()}
        return self.ask(username, "POST", f"/{course}/{assignment}/attempts", content=body, headers=told | headers)

    def add_assignment(self, name: str, course: str = COURSE, **more: Any) -> int:
        with self.database.write() as session:
            row = Assignment(offering_id=course, name=name, title_ko=f"과제 {name}", title_en=f"Problem set {name}")
            for key, value in more.items():
                setattr(row, key, value)
            session.add(row)
            session.flush()
            return row.id

    def release(self, name: str = "ps1", course: str = COURSE, files: dict[str, str | bytes] | None = None) -> None:
        """Hand out version after version of an assignment; makes it when it is new."""
        bundle = tar_gz(files or {f"{name}.ipynb": NOTEBOOK, "data.csv": "a,b\n1,2\n"})
        sha256 = self.storage.put_bytes(bundle)
        with self.database.write() as session:
            found = select(Assignment).where(Assignment.offering_id == course, Assignment.name == name)
            row = session.scalar(found)
            if row is None:
                row = Assignment(offering_id=course, name=name, title_ko=f"과제 {name}", title_en=f"Problem set {name}")
                session.add(row)
                session.flush()
            publish(session, self.storage, row, sha256, len(bundle), None, "seoyeon", datetime.now(UTC))

    def hand_in(self, username: str, body: bytes | None = None, assignment: str = "ps1") -> Receipt:
        """An attempt made without HTTP."""
        body = body or tar_gz({f"{assignment}.ipynb": NOTEBOOK})
        sha256 = self.storage.put_bytes(body)
        return receive(
            self.database,
            self.storage,
            course_id=COURSE,
            assignment=assignment,
            username=username,
            key=f"{username}-{time.monotonic_ns()}",
            sha256=sha256,
            size=len(body),
            now=datetime.now(UTC),
        )

    def give_back(self, attempt_id: int, html: str, *, released: bool = True) -> str:
        """Feedback made for an attempt; returns the SHA-256 of its bundle."""
        bundle = tar_gz({"ps1.html": html})
        sha256 = self.storage.put_bytes(bundle)
        now = datetime.now(UTC)
        with self.database.write() as session:
            session.add(
                Feedback(
                    attempt_id=attempt_id,
                    sha256=sha256,
                    size=len(bundle),
                    score=3,
                    max_score=5,
                    created_at=now,
                    released_at=now if released else None,
                )
            )
        return sha256

    def set(self, assignment: str, **values: Any) -> None:
        with self.database.write() as session:
            row = session.scalar(select(Assignment).where(Assignment.name == assignment))
            assert row is not None
            for key, value in values.items():
                setattr(row, key, value)

    def counts(self) -> dict[str, int]:
        """How much is stored: rows, files in the storage, files still arriving."""
        tables = (Assignment, Release, Attempt, Marking, Feedback)
        with self.database.read() as session:
            found = {
                table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables
            }
        files = [path for path in self.storage.root.rglob("*") if path.is_file()]
        return found | {"files": len(files)}


def populate(database: Database) -> None:
    """Two cohorts with an offering each, and the PEOPLE."""
    now = datetime.now(UTC)
    with database.write() as session:
        for cohort, track, offering, course in (
            ("jc-2026-1", "job-conversion", COURSE, "python-data"),
            ("cc-2026-1", "convergence-college", OTHER_COURSE, "vision"),
        ):
            session.add(
                Cohort(
                    id=cohort,
                    track=track,
                    title=f"{cohort} 기수",
                    starts_on=date(2026, 3, 2),
                    timezone="Asia/Seoul",
                    created_at=now,
                )
            )
            session.flush()
            session.add(Offering(id=offering, cohort_id=cohort, course=course, starts_on=date(2026, 3, 2)))
        for username, (role, cohort_id) in PEOPLE.items():
            session.add(Person(username=username, name=username, is_admin=role is None, created_at=now))
            session.flush()
            if role is not None:
                session.add(
                    Membership(
                        cohort_id=cohort_id,
                        username=username,
                        role=role,
                        state=MembershipState.ACTIVE,
                        created_at=now,
                        changed_at=now,
                    )
                )


class Serving:
    """The whole portal behind a real server; the campus is opened here, so the hub is never synchronised."""

    def __init__(self, data: Path, database: Database, hub_api_url: str) -> None:
        settings = PortalSettings.from_environment(
            {
                "BITGOEUL_HUB_API_URL": hub_api_url,
                "BITGOEUL_PORTAL_TOKEN": "0a" * 32,
                "BITGOEUL_SESSION_SECRET": "5e" * 32,
            },
            data=data,
        )
        self.hub = Hub(hub_api_url, settings.portal_token)
        self.sign_in = HubSignIn(
            hub_path="/hub", hub_api_url=hub_api_url, callback_path="/services/portal/oauth_callback", secret="unused"
        )
        app = create_app(settings)
        app.state.campus = Campus(settings, database, Storage(settings.storage), Catalogue(()), self.hub, self.sign_in)
        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run)
        self.campus = TestCampus(data, database, Storage(settings.storage))

    def __enter__(self) -> TestCampus:
        self.thread.start()
        deadline = time.monotonic() + 20
        while not self.server.started:
            assert self.thread.is_alive(), "the portal stopped at its start"
            assert time.monotonic() < deadline, "the portal did not start in 20 s"
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.campus.url = f"http://127.0.0.1:{port}/services/portal"
        return self.campus

    def __exit__(self, *error: object) -> None:
        self.campus.client.close()
        self.server.should_exit = True
        self.thread.join(20)
        self.hub.close()


@dataclass
class Lab:
    """A person's server: a home folder, its environment, and nbgrader's command line in it."""

    home: Path
    environment: dict[str, str]

    def run(self, *command: str, fails: bool = False, **environment: str) -> str:
        """What `nbgrader <command>` prints, in a process that was forked from one with nbgrader imported."""
        with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as printed:
            told = (command, str(self.home), self.environment | environment, printed.name)
            process = PRELOADED.Process(target=run_nbgrader, args=told)
            process.start()
            process.join(120)
            assert process.exitcode is not None, f"nbgrader {command} did not end"
            return self._check(process.exitcode, printed.read(), fails)

    def run_afresh(self, *command: str, fails: bool = False) -> str:
        """What `nbgrader <command>` prints, started from nothing."""
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *command],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return self._check(done.returncode, done.stdout, fails)

    @staticmethod
    def _check(status: int, printed: str, fails: bool) -> str:
        assert (status != 0) is fails, printed
        return printed


PRELOADED = multiprocessing.get_context("forkserver")
PRELOADED.set_forkserver_preload(["nbgrader.apps.nbgraderapp", "httpx"])


def run_nbgrader(command: tuple[str, ...], home: str, environment: dict[str, str], printed: str) -> None:
    """Be `nbgrader <command>` in `home`, with `environment` and nothing else, printing to the file `printed`."""
    from nbgrader.apps.nbgraderapp import NbGraderApp

    out = os.open(printed, os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(home)
    NbGraderApp.launch_instance(list(command))


CONFIG = """
c = get_config()
c.ExchangeFactory.exchange = "grader.exchange.exchange.Exchange"
c.ExchangeFactory.fetch_assignment = "grader.exchange.fetch_assignment.ExchangeFetchAssignment"
c.ExchangeFactory.fetch_feedback = "grader.exchange.fetch_feedback.ExchangeFetchFeedback"
c.ExchangeFactory.release_assignment = "grader.exchange.release_assignment.ExchangeReleaseAssignment"
c.ExchangeFactory.release_feedback = "grader.exchange.release_feedback.ExchangeReleaseFeedback"
c.ExchangeFactory.list = "grader.exchange.list.ExchangeList"
c.ExchangeFactory.submit = "grader.exchange.submit.ExchangeSubmit"
c.ExchangeFactory.collect = "grader.exchange.collect.ExchangeCollect"
c.Authenticator.plugin_class = "grader.exchange.auth.PortalAuthPlugin"
"""


def source_notebook() -> str:
    """An instructor's notebook: one answer with a solution, one test with a hidden part."""
    new = nbformat.v4
    answer = new.new_code_cell("def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION")
    answer.metadata["nbgrader"] = {
        "grade": False,
        "grade_id": "double",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    test = new.new_code_cell(
        "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(5) == 10\n### END HIDDEN TESTS"
    )
    test.metadata["nbgrader"] = {
        "grade": True,
        "grade_id": "test_double",
        "locked": True,
        "points": 5,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }
    book = new.new_notebook(cells=[new.new_markdown_cell("# 과제 Problem set"), answer, test])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return str(nbformat.writes(book))


def days(number: float) -> datetime:
    """So many days from now."""
    return datetime.now(UTC) + timedelta(days=number)
