"""The plugin behind a line that breaks: work is handed in once, downloads are whole or refused, sentences are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from exchange_campus import COURSE, NOTEBOOK, Lab, TestCampus

MakeLab = Callable[..., Lab]


class Line(BaseHTTPRequestHandler):
    """Passes requests on to the portal. `plan` says for each method and end of a path what happens to the answers."""

    origin: ClassVar[str]
    plan: ClassVar[dict[tuple[str, str], list[str]]]
    seen: ClassVar[list[tuple[str, str]]]

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path = self.path.split("?")[0]
        self.seen.append((self.command, path.rsplit("/", 1)[-1]))
        faults = self.plan.get(self.seen[-1], [])
        fault = faults.pop(0) if faults else ""
        if fault == "away":
            self.send_error(503)
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        answer = httpx.request(
            self.command, self.origin + self.path, content=body, headers=headers, timeout=30, trust_env=False
        )
        if fault == "lost":
            self.close_connection = True
            return
        content = answer.content
        if fault == "damaged":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(answer.status_code)
        for name in ("Content-Type", "X-Content-SHA256"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)
        self.close_connection = fault == "cut"

    do_GET = do_POST = do_PUT = do_DELETE = relay

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def line(campus: TestCampus) -> Iterator[type[Line]]:
    """A line to the portal whose URL is `Line.url`."""
    origin, _, prefix = campus.url.rpartition("/services/portal")
    assert prefix == ""
    kind = type("LineOfThisTest", (Line,), {"origin": origin, "plan": {}, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    kind.url = f"http://127.0.0.1:{server.server_port}/services/portal"  # type: ignore[attr-defined]
    yield kind
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def minji(campus: TestCampus, lab: MakeLab, line: type[Line]) -> Lab:
    """Minji's server, behind the line, with the assignment fetched."""
    campus.release()
    made = lab("minji", BITGOEUL_PORTAL_URL=line.url)  # type: ignore[attr-defined]
    (made.home / "ps1").mkdir()
    (made.home / "ps1" / "ps1.ipynb").write_text(NOTEBOOK)
    return made


def left_over(home: Path) -> list[str]:
    return [path.name for path in home.rglob("*") if path.name.startswith(".bitgoeul-")]


def test_a_submission_whose_answer_is_lost_is_made_once(campus: TestCampus, line: type[Line], minji: Lab) -> None:
    line.plan["POST", "attempts"] = ["lost", "away", "lost"]
    said = minji.run("submit", "ps1", f"--course={COURSE}")
    assert "접수증: 1번째 제출" in said
    assert line.seen.count(("POST", "attempts")) == 4
    assert campus.counts()["attempt"] == campus.counts()["marking"] == 1


def test_a_damaged_download_is_refused_and_leaves_nothing(line: type[Line], minji: Lab) -> None:
    line.plan["GET", "release"] = ["damaged"]
    (minji.home / "ps1" / "ps1.ipynb").unlink()
    (minji.home / "ps1").rmdir()
    said = minji.run("fetch_assignment", "ps1", f"--course={COURSE}", fails=True)
    assert "받은 파일이 손상되었습니다" in said
    assert not (minji.home / "ps1").exists()
    assert left_over(minji.home) == []


def test_a_download_that_breaks_off_is_fetched_again(line: type[Line], minji: Lab) -> None:
    line.plan["GET", "release"] = ["cut"]
    (minji.home / "ps1" / "ps1.ipynb").rename(minji.home / "ps1" / "my own.ipynb")
    minji.run("fetch_assignment", "ps1", f"--course={COURSE}", "--replace")
    assert line.seen.count(("GET", "release")) == 2
    assert (minji.home / "ps1" / "ps1.ipynb").read_text() == NOTEBOOK
    assert (minji.home / "ps1" / "my own.ipynb").is_file()
    assert left_over(minji.home) == []


def test_a_portal_that_stays_away_is_said_to_be_away(minji: Lab, unused_port: int) -> None:
    url = f"http://127.0.0.1:{unused_port}/services/portal"
    said = minji.run("list", f"--course={COURSE}", fails=True, BITGOEUL_PORTAL_URL=url, LANG="C.UTF-8")
    assert "포털에 연결할 수 없습니다 (ConnectError)." in said
    assert "The portal cannot be reached (ConnectError)." in said


@pytest.mark.parametrize("missing", ["BITGOEUL_PORTAL_URL", "JUPYTERHUB_API_TOKEN"])
def test_a_server_outside_the_campus_is_told_what_it_lacks(minji: Lab, missing: str) -> None:
    assert missing in minji.run("list", f"--course={COURSE}", fails=True, **{missing: ""})


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("fetch_assignment", "ps1", "--course=" + COURSE), "이미 받은 과제입니다: ps1"),
        (("fetch_assignment", "ps9", "--course=" + COURSE), "배포된 과제 'ps9'이(가) 없습니다. 배포된 과제: ps1"),
        (("submit", "ps9", "--course=" + COURSE), "제출할 폴더가 없습니다"),
        (("submit", "ps1", "--course=" + COURSE, "--student=junho"), "이 서버는 minji의 것입니다"),
        (("submit", "ps1"), "과목이 지정되지 않았습니다"),
        (("release_assignment", "ps1", "--course=" + COURSE), "배포할 과제가 없습니다"),
        (("collect", "ps1"), "과목이 지정되지 않았습니다"),
        (("list", "--cached", "--remove", "--course=" + COURSE), "제출물은 지울 수 없습니다"),
        (("list", "--remove", "--course=" + COURSE), "강사와 조교만 할 수 있습니다"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_that_cannot_be_done_says_why(
    campus: TestCampus, minji: Lab, command: tuple[str, ...], sentence: str
) -> None:
    before = campus.counts()
    assert sentence in minji.run(*command, fails=True)
    assert campus.counts() == before


def test_missing_notebooks_are_told_and_refused_when_strict(campus: TestCampus, lab: MakeLab) -> None:
    campus.release(files={"a.ipynb": NOTEBOOK, "b.ipynb": NOTEBOOK})
    minji = lab("minji")
    (minji.home / "ps1").mkdir()
    (minji.home / "ps1" / "a.ipynb").write_text(NOTEBOOK)
    assert "빠진 노트북: b.ipynb" in minji.run("submit", "ps1", f"--course={COURSE}", "--strict", fails=True)
    assert campus.counts()["attempt"] == 0
    assert "빠진 노트북: b.ipynb" in minji.run("submit", "ps1", f"--course={COURSE}")
    assert campus.counts()["attempt"] == 1
