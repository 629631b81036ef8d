"""A lab in a container, as its owner has it: commands within, its API through the proxy, its kernels' websockets."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import websocket

if TYPE_CHECKING:
    from container_campus import ContainerCampus


@dataclass
class Lab:
    """Somebody's running lab, from within and through the proxy."""

    campus: ContainerCampus
    owner: str

    @property
    def container(self) -> dict[str, Any]:
        return self.campus.container_of(self.owner)

    @property
    def address(self) -> str:
        return str(self.container["NetworkSettings"]["Networks"][self.campus.network]["IPAddress"])

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command within, as the learner; its exit status and what it printed."""
        api = self.campus.engine.api
        run = api.exec_create(self.container["Id"], list(command))["Id"]
        said = api.exec_start(run).decode(errors="replace")
        return int(api.exec_inspect(run)["ExitCode"]), said

    def python(self, script: str) -> str:
        """What a Python script prints within."""
        status, said = self.run("python", "-c", script)
        assert status == 0, said
        return said.strip()

    def execute(self, code: str, seconds: float = 60) -> str:
        """Run a cell as JupyterLab does, through the proxy's websocket; what it printed."""
        kernel = self.call("POST", "/api/kernels", json={})
        assert kernel.status_code == 201, kernel.text
        with self.channels(kernel.json()["id"]) as wire:
            return wire.execute(code, seconds)

    def channels(self, kernel: str) -> Wire:
        url = f"{self.campus.url}/user/{self.owner}/api/kernels/{kernel}/channels".replace("http", "ws", 1)
        return Wire(url, self.campus.token_of(self.owner))

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"token {self.campus.token_of(self.owner)}"}
        return httpx.request(
            method, f"{self.campus.url}/user/{self.owner}{path}", headers=headers, timeout=60, **options
        )


class Wire:
    """A kernel's websocket."""

    def __init__(self, url: str, token: str) -> None:
        self._socket = websocket.create_connection(url, header=[f"Authorization: token {token}"], timeout=60)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def execute(self, code: str, seconds: float = 60) -> str:
        """What a cell prints."""
        number = secrets.token_hex(8)
        header = {"msg_id": number, "msg_type": "execute_request", "username": "", "session": number, "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps(message))
        self._socket.settimeout(seconds)
        printed = ""
        while True:
            heard = json.loads(self._socket.recv())
            if heard["parent_header"].get("msg_id") != number:
                continue
            if heard["msg_type"] == "stream":
                printed += heard["content"]["text"]
            if heard["msg_type"] == "error":
                raise AssertionError("\n".join(heard["content"]["traceback"]))
            if heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle":
                return printed
