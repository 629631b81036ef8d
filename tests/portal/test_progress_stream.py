"""An attempt's marking, told as it happens: what is said to whom, over one look for all, and again after a break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from portal_site import COURSE, Site, hand_in
from sqlalchemy import event, select
from waiting import wait_for

from grader import doorbell, presence
from grader.models import Feedback, Marking, MarkingState
from portal.attempt_watch import AttemptWatch

WHO = "haneul.lee"


def path_of(attempt: int, assignment: str = "first-steps") -> str:
    return f"/api/offerings/{COURSE}/assignments/{assignment}/attempts/{attempt}/events"


def change(site: Site, attempt: int, **values: Any) -> None:
    """Let the attempt's marking come further, as a worker does."""
    with site.campus.database.write() as session:
        marking = session.scalars(select(Marking).where(Marking.attempt_id == attempt)).one()
        for name, value in values.items():
            setattr(marking, name, value)
        doorbell.ring(session, doorbell.Bell.NEWS)


def finish(site: Site, attempt: int, *, released: bool) -> None:
    now = datetime.now(UTC)
    with site.campus.database.write() as session:
        marking = session.scalars(select(Marking).where(Marking.attempt_id == attempt)).one()
        marking.state, marking.score, marking.max_score, marking.phase = MarkingState.DONE, 8.0, 10.0, None
        session.add(
            Feedback(
                attempt_id=attempt,
                sha256="0" * 64,
                size=1,
                score=8.0,
                max_score=10.0,
                created_at=now,
                released_at=now if released else None,
            )
        )
        doorbell.ring(session, doorbell.Bell.NEWS)


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Kind, data and id of each event."""
    kind = number = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "id":
            number = value
        elif name == "data":
            yield kind, json.loads(value), number


def test_a_student_hears_of_queue_phases_and_mark_and_then_it_ends(site: Site) -> None:
    attempt = hand_in(site.campus, COURSE, "first-steps", WHO, state=MarkingState.QUEUED)
    with site.client(WHO) as client, client.stream("GET", path_of(attempt)) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = events(stream.iter_lines())
        assert next(told)[:2] == ("queued", {"position": 1, "estimate_seconds": None, "served": False})
        page = client.get(f"/learn/{COURSE}/first-steps", headers={"Accept-Language": "ko"}).text
        assert "안전하게 보관했습니다. 지금은 이 과제를 채점할 채점기가 꺼져 있으며" in page
        change(site, attempt, state=MarkingState.RUNNING)
        assert next(told)[:2] == ("running", {"phase": None})
        change(site, attempt, phase="running")
        assert next(told)[:2] == ("running", {"phase": "running"})
        finish(site, attempt, released=True)
        kind, data, _ = next(told)
        assert (kind, data["score"], data["max_score"], data["feedback"]) == ("done", 8.0, 10.0, True)
        assert list(told) == []


def test_a_score_that_is_not_released_is_not_told_not_even_to_staff(site: Site) -> None:
    attempt = hand_in(site.campus, COURSE, "first-steps", WHO, state=MarkingState.RUNNING)
    finish(site, attempt, released=False)
    for who in (WHO, "yuna.kim"):
        with site.client(who) as client, client.stream("GET", path_of(attempt)) as stream:
            assert [item[:2] for item in events(stream.iter_lines())] == [("done", {"feedback": False})]


def test_a_marking_that_failed_is_told_without_its_log(site: Site) -> None:
    attempt = hand_in(site.campus, COURSE, "first-steps", WHO, state=MarkingState.RUNNING)
    change(site, attempt, state=MarkingState.FAILED, log="a secret path")
    with site.client(WHO) as client, client.stream("GET", path_of(attempt)) as stream:
        assert [item[:2] for item in events(stream.iter_lines())] == [("failed", {})]


def test_the_place_and_the_estimate_move_with_the_queue(site: Site) -> None:
    now = datetime.now(UTC)
    for number in range(3):
        done = hand_in(site.campus, COURSE, "first-steps", "minseo.kim", number=number + 1, score=1, max_score=1)
        change(site, done, started_at=now - timedelta(seconds=10), finished_at=now - timedelta(seconds=6))
    first = hand_in(site.campus, COURSE, "first-steps", "jiho.jung", state=MarkingState.QUEUED)
    mine = hand_in(site.campus, COURSE, "first-steps", WHO, state=MarkingState.QUEUED)
    presence.announce(site.campus.database, "w", "fork", {"cpu": 1}, now + timedelta(seconds=20))
    with site.client(WHO) as client, client.stream("GET", path_of(mine)) as stream:
        told = events(stream.iter_lines())
        assert next(told)[:2] == ("queued", {"position": 2, "estimate_seconds": 8, "served": True})
        change(site, first, state=MarkingState.RUNNING)
        assert next(told)[:2] == ("queued", {"position": 1, "estimate_seconds": 6, "served": True})
        change(site, first, state=MarkingState.DONE)
        assert next(told)[:2] == ("queued", {"position": 1, "estimate_seconds": 4, "served": True})
        page = client.get(f"/learn/{COURSE}/first-steps", headers={"Accept-Language": "ko"}).text
    assert "채점 대기 1번째, 약 4초 뒤에 끝납니다." in page


def test_after_a_break_only_what_is_new_is_told(site: Site) -> None:
    attempt = hand_in(site.campus, COURSE, "first-steps", WHO, state=MarkingState.RUNNING)
    with site.client(WHO) as client:
        with client.stream("GET", path_of(attempt)) as stream:
            _, _, last = next(events(stream.iter_lines()))
        with client.stream("GET", path_of(attempt), headers={"Last-Event-ID": last}) as stream:
            told = events(stream.iter_lines())
            change(site, attempt, phase="scoring")
            assert next(told)[:2] == ("running", {"phase": "scoring"})
            finish(site, attempt, released=True)
            kind, _, end = next(told)
            assert kind == "done"
        assert client.get(path_of(attempt), headers={"Last-Event-ID": end}).status_code == 204
        assert "event: done" in client.get(path_of(attempt), headers={"Last-Event-ID": last}).text


def test_somebody_elses_attempt_is_not_told_and_staffs_own_offering_is(site: Site) -> None:
    attempt = hand_in(site.campus, COURSE, "first-steps", WHO, score=1, max_score=2)
    answers = {}
    for who in (None, "minseo.kim", "other.student", "other.teacher", "sera.oh", "yuna.kim", WHO):
        with site.client(who) as client:
            answers[who] = client.get(path_of(attempt)).status_code
    assert answers == {
        None: 401,
        "minseo.kim": 404,
        "other.student": 404,
        "other.teacher": 404,
        "sera.oh": 404,
        "yuna.kim": 200,
        WHO: 200,
    }
    with site.client(WHO) as client:
        assert client.get(path_of(attempt, "cafe-sales")).status_code == 404


def test_many_streams_hold_no_connection_and_share_one_look(site: Site) -> None:
    """Two hundred open pages: one attempt changes, and the database is asked as often as for one page."""
    attempts = [
        hand_in(site.campus, COURSE, "first-steps", WHO, number=number, state=MarkingState.RUNNING)
        for number in range(1, 11)
    ]
    watch: AttemptWatch = site.app.state.attempt_watch
    pool = site.campus.database.engine.pool
    token = site.hub.token_for(WHO)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    async def follow(client: httpx.AsyncClient, attempt: int, opened: asyncio.Semaphore) -> str:
        async with opened, client.stream("GET", site.url + path_of(attempt)) as stream:
            lines = stream.aiter_lines()
            async for line in lines:
                if line.startswith("data"):
                    break
            opened.release()  # the door is for those who come in, not for those who listen
            try:
                return "\n".join([line async for line in lines])
            finally:
                await opened.acquire()

    async def many() -> list[str]:
        limits = httpx.Limits(max_connections=None)
        headers = {"Authorization": f"token {token}"}
        async with httpx.AsyncClient(
            limits=limits, headers=headers, trust_env=False, timeout=60, verify=False
        ) as client:
            door = asyncio.Semaphore(20)
            streams = [asyncio.create_task(follow(client, attempts[number % 10], door)) for number in range(200)]
            await asyncio.to_thread(wait_for, "the opening of all pages", lambda: watch.watched == 200)
            await asyncio.sleep(0.5)
            assert pool.checkedout() <= 1  # type: ignore[attr-defined]
            event.listen(site.campus.database.engine, "before_cursor_execute", note)
            await asyncio.sleep(2.0)
            event.remove(site.campus.database.engine, "before_cursor_execute", note)
            for attempt in attempts:
                await asyncio.to_thread(finish, site, attempt, released=True)
            return await asyncio.gather(*streams)

    told = asyncio.run(many())
    assert len(asked) < 40, "each page asks for itself"
    assert all(text.count("event: done") == 1 for text in told)
    wait_for("the watch forgets who has left", lambda: watch.watched == 0)


def test_a_receipt_tells_the_place_in_the_queue(site: Site) -> None:
    import hashlib
    import io
    import tarfile
    import uuid

    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        info = tarfile.TarInfo("first-steps.ipynb")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"{}"))
    content = body.getvalue()
    hand_in(site.campus, COURSE, "first-steps", "minseo.kim", state=MarkingState.QUEUED)
    with site.program(WHO) as client:
        answer = client.post(
            f"/api/exchange/{COURSE}/first-steps/attempts",
            content=content,
            headers={"Idempotency-Key": uuid.uuid4().hex, "X-Content-SHA256": hashlib.sha256(content).hexdigest()},
        )
    assert answer.status_code == 201, answer.text
    assert (answer.json()["position"], answer.json()["estimate_seconds"]) == (2, None)
