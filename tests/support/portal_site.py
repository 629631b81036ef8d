"""A campus in one process for the portal's tests: real database, storage, catalogue and gradebook; a hub at the wire.

The hub is the one part that is imitated (see `fake_hub`).
"""

from __future__ import annotations

import io
import secrets
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fake_hub import PREFIX, SERVICE_TOKEN, FakeHub
from starlette.applications import Starlette
from starlette.routing import Mount
from waiting import wait_for

from cohorts.models import Role
from cohorts.people import ensure_membership, ensure_person
from grader.assignments import assignments_of, find_assignment
from grader.models import Assignment, Attempt, Feedback, Marking, MarkingState
from grader.releases import publish
from portal.app import create_app
from portal.campus import open_cohort
from portal.context import Campus
from portal.identity import SESSION_COOKIE, csrf_token, serializer
from portal.settings import CONTENT, PortalSettings

SECRET = "5e" * 32
COURSE = "jc-2026-1-python-data"
OTHER_COURSE = "jc-2026-2-python-data"
PEOPLE = {
    "sera.oh": ("오세라", None),
    "yuna.kim": ("김윤아", Role.INSTRUCTOR),
    "jun.park": ("박준", Role.ASSISTANT),
    "haneul.lee": ("이하늘", Role.STUDENT),
    "minseo.kim": ("김민서", Role.STUDENT),
    "jiho.jung": ("정지호", Role.STUDENT),
    "seoyeon.choi": ("최서연", Role.STUDENT),
    "doyun.han": ("한도윤", Role.STUDENT),
    "yerin.yun": ("윤예린", Role.STUDENT),
}


@dataclass
class Site:
    """A running campus: `url` is the portal's, `hub` the other side of its wire."""

    origin: str
    settings: PortalSettings
    hub: FakeHub
    app: Any
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.origin + PREFIX

    @property
    def campus(self) -> Campus:
        found: Campus = self.app.state.campus
        return found

    def client(self, username: str | None = None, *, locale: str | None = None) -> httpx.Client:
        """A browser that is signed in as `username` (or nobody), CSRF token included; redirects are not followed."""
        client = self.remember(httpx.Client(base_url=self.url, trust_env=False, timeout=30, verify=False))
        for name, value in self.cookies(username, locale).items():
            client.cookies.set(name, value)
        if username:
            client.headers["X-CSRF-Token"] = csrf_token(self.settings, self._token(client))
        return client

    def cookies(self, username: str | None, locale: str | None = None) -> dict[str, str]:
        found = {"bitgoeul-locale": locale} if locale else {}
        if username:
            found[SESSION_COOKIE] = serializer(self.settings, "session").dumps(self.hub.token_for(username))
        return found

    def program(self, username: str, scopes: list[str] | None = None) -> httpx.Client:
        """A program with a hub token of `username`'s."""
        token = self.hub.token_for(username, scopes)
        return self.remember(
            httpx.Client(
                base_url=self.url,
                headers={"Authorization": f"token {token}"},
                trust_env=False,
                timeout=30,
                verify=False,  # nothing here is https, and reading the machine's certificates takes 20 ms a client
            )
        )

    def remember(self, client: httpx.Client) -> httpx.Client:
        """Close `client` when the site goes."""
        self.clients.append(client)
        return client

    def _token(self, client: httpx.Client) -> str:
        token = serializer(self.settings, "session").loads(client.cookies[SESSION_COOKIE])
        assert isinstance(token, str)
        return token


def make_settings(folder: Path, port: int, **changes: Any) -> PortalSettings:
    values: dict[str, Any] = {
        "data": folder,
        "database_url": f"sqlite:///{folder / 'bitgoeul.db'}",
        "storage": folder / "storage",
        "offerings": folder / "offerings",
        "homes": folder / "homes",
        "courses": CONTENT,
        "public_url": f"http://127.0.0.1:{port}",
        "hub_api_url": f"http://127.0.0.1:{port}/hub/api",
        "portal_url": f"http://127.0.0.1:{port}{PREFIX}",
        "portal_token": SERVICE_TOKEN,
        "sign_in": "demo",
        "demo_secret": "1d" * 32,
        "session_secret": SECRET,
        "admins": ("sera.oh",),
        "locale": "ko",
        "timezone": "Asia/Seoul",
        "production": False,
        "hardware": folder / "hardware.yaml",
    }
    return PortalSettings(**{**values, **changes})


@contextmanager
def run_site(folder: Path, **changes: Any) -> Iterator[Site]:
    """Portal and hub behind one address, as the proxy puts them, served for real."""
    # asyncio switches Nagle's algorithm off for sockets that say they are TCP: 40 ms an answer otherwise
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = make_settings(folder, port, **changes)
    portal = create_app(settings)
    hub = FakeHub(portal=settings.portal_url, lease_token=settings.lease_token)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> Any:
        async with portal.router.lifespan_context(portal):
            yield

    outer = Starlette(routes=[Mount("/hub", hub.app()), Mount("/", portal)], lifespan=lifespan)
    config = uvicorn.Config(outer, log_level="warning", timeout_graceful_shutdown=1, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_for("the portal starts", lambda: server.started or not thread.is_alive())
        assert server.started, "the portal did not start"
        site = Site(f"http://127.0.0.1:{port}", settings, hub, portal)
        yield site
        for client in site.clients:
            client.close()
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def fill(site: Site) -> None:
    """Two cohorts on one track; the first has six students and work in every state."""
    here = site.campus
    now = datetime.now(UTC)
    today = now.date()
    for cohort_id, title in (("jc-2026-1", "2026년 상반기 직무전환 1기"), ("jc-2026-2", "2026년 상반기 직무전환 2기")):
        open_cohort(
            here, cohort_id=cohort_id, track="job-conversion", starts_on=today - timedelta(days=5), title=title, now=now
        )
    with here.database.write() as session:
        for username, (name, role) in PEOPLE.items():
            ensure_person(session, username=username, name=name, email=f"{username}@example.kr", now=now)
            if role is not None:
                ensure_membership(session, "jc-2026-1", username, role, now)
        for username, name, role in (
            ("other.teacher", "남궁선", Role.INSTRUCTOR),
            ("other.student", "제갈민", Role.STUDENT),
        ):
            ensure_person(session, username=username, name=name, now=now)
            ensure_membership(session, "jc-2026-2", username, role, now)
        for offering_id in (COURSE, "jc-2026-1-machine-learning"):
            for assignment in assignments_of(session, offering_id)[: 3 if offering_id == COURSE else 1]:
                release(session, here, assignment, now - timedelta(days=4))
    here.wake_sync.set()


def release(session: Any, here: Campus, assignment: Assignment, when: datetime) -> None:
    """Hand out a bundle, without nbgrader: what is in it doesn't matter to these pages."""
    sha256 = here.storage.put_bytes(bundle({f"{assignment.name}.ipynb": "{}"}))
    publish(session, here.storage, assignment, sha256, 1024, None, "yuna.kim", when)


def bundle(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def hand_in(
    here: Campus,
    offering_id: str,
    assignment: str,
    username: str,
    *,
    number: int = 1,
    ago: timedelta = timedelta(hours=3),
    state: MarkingState = MarkingState.DONE,
    score: float | None = None,
    max_score: float | None = None,
    needs_manual: bool = False,
    feedback: str | None = None,
    released: bool = True,
    integrity: str = "clean",
) -> int:
    """An attempt with what has become of it: the rows that exchange and worker write. Returns the attempt's id."""
    when = datetime.now(UTC) - ago
    with here.database.write() as session:
        row = find_assignment(session, offering_id, assignment)
        content = f"{offering_id}/{assignment}/{username}/{number}".encode()
        attempt = Attempt(
            assignment_id=row.id,
            username=username,
            number=number,
            key=secrets.token_hex(16),
            sha256=here.storage.put_bytes(content),
            size=48_731,
            received_at=when,
            due_at=row.due_at,
            late=False,
        )
        session.add(attempt)
        session.flush()
        done = state is MarkingState.DONE
        session.add(
            Marking(
                attempt_id=attempt.id,
                state=state,
                queued_at=when,
                score=score if done else None,
                max_score=max_score if done else None,
                needs_manual=needs_manual and done,
                integrity=integrity if done else None,
            )
        )
        if feedback is not None:
            session.add(
                Feedback(
                    attempt_id=attempt.id,
                    sha256=here.storage.put_bytes(bundle({f"{assignment}.html": feedback})),
                    size=len(feedback),
                    score=score,
                    max_score=max_score,
                    needs_manual=needs_manual,
                    created_at=when + timedelta(seconds=4),
                    released_at=when + timedelta(seconds=4) if released else None,
                )
            )
        return attempt.id


FEEDBACK_HTML = """<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>first-steps</title>
<style>body{font-family:sans-serif;margin:2rem;color:#222}pre{background:#f5f5f5;padding:1rem}</style></head><body>
<h1>first-steps <small>(9.5 / 10)</small></h1><h2>문제 1. 평균 구하기 (점수: 2 / 2)</h2>
<pre>def mean(values):\n    return sum(values) / len(values)</pre>
<script>document.body.innerHTML = "the script ran"; parent.document.title = "taken over"</script>
<img src="x" onerror="document.title='taken over'">
<h2>문제 2. 중앙값 (점수: 1.5 / 2)</h2><p><b>의견:</b> 짝수 개일 때를 다시 보세요.</p>
</body></html>"""
