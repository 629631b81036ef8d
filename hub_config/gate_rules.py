"""What may be asked of the container engine through the gate, and by whom: a table for the hub, one for graders. Pure.

What no line of the table names is refused. What it names is written anew from checked parts: the path, the query, the
body. A container or volume is looked up first, and is touched only where its labels say that it is the asker's own;
it is then called by the id that was found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from hub_config.containers import CAMPUS_LABEL, USER_LABEL
from hub_config.gate_labs import LabSite, check_lab
from hub_config.gate_markings import LABEL, VOLUME, check_marking, check_shared_folder
from hub_config.gate_values import DIGEST, IMAGE, REPOSITORY, TAG, Refused, exactly, read_json, refuse, write_json

Labels = Mapping[str, str]
#: a parameter's value to what is sent on
Param = Callable[[str, str], str]
Body = Callable[[Mapping[str, str], Any], Any]
_VERSION = re.compile(r"/v1\.(4[0-9]|[5-9][0-9])(/.+)")
_PATH = re.compile(r"/(?:[A-Za-z0-9/._:@-]|%40)*")
_NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})"
_PARAMETERS = 20


@dataclass(frozen=True)
class Request:
    """What came: `target` as it was sent, `headers` by small names, `body` whole and without its framing."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Passed:
    """What is sent on. `owned` is "containers" or "volumes" where `name` has to be the asker's own: look it up."""

    method: str
    version: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    owned: str = ""
    name: str = ""
    upgrade: bool = False

    def target(self, found: str = "") -> str:
        """The request's target; `found` is what the engine calls the thing that was looked up."""
        path = self.path.replace("{name}", quote(found, safe=""), 1)
        return f"{self.version}{path}{f'?{self.query}' if self.query else ''}"

    @property
    def look_up(self) -> str:
        """The target that describes the thing that has to be the asker's own."""
        ending = "/json" if self.owned == "containers" else ""
        return f"{self.version}/{self.owned}/{quote(self.name, safe='')}{ending}"


@dataclass(frozen=True)
class Route:
    """One thing that may be asked. `path` below the version; a group `name` in it is looked up where `owned` is set.

    `query` are the parameters that may be there, `fixed` what is sent whatever was asked.
    """

    method: str
    path: str
    query: Mapping[str, Param] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    body: Body | None = None
    owned: str = ""
    upgrade: bool = False
    unversioned: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """One socket's. `owns` judges the labels of a container or volume."""

    whose: str
    routes: tuple[Route, ...]
    owns: Callable[[Labels], bool]

    def decide(self, request: Request) -> Passed:
        """What is sent on for `request`. Raises Refused."""
        raw, _, query = request.target.partition("?")
        if not _PATH.fullmatch(raw) or {"", ".", ".."} & set(raw[1:].split("/")):
            raise Refused("The request's path is not a plain one.", 400)
        versioned = _VERSION.fullmatch(raw)
        version, path = (f"/v1.{versioned[1]}", versioned[2]) if versioned else ("", raw)
        for route in self.routes:
            found = re.fullmatch(route.path, path)
            if found and route.method == request.method and route.unversioned is not bool(versioned):
                return self._pass(route, version, path, found, query, request)
        raise Refused(f"{request.method} {path} is nothing that {self.whose} may ask of the engine.")

    def _pass(
        self, route: Route, version: str, path: str, found: re.Match[str], query: str, request: Request
    ) -> Passed:
        parameters = _read_query(route, query)
        body = b""
        if route.body:
            body = write_json(route.body(parameters, read_json(request.body)))
        elif request.body:
            raise Refused(f"{request.method} {path} has no body.", 400)
        _check_upgrade(route, request)
        name = found.groupdict().get("name") or ""
        return Passed(
            method=route.method,
            version=version,
            path=f"{path[: found.start('name')]}{{name}}{path[found.end('name') :]}" if route.owned else path,
            query=urlencode(parameters),
            body=body,
            headers=_read_headers(route, request),
            owned=route.owned,
            name=name if route.owned else "",
            upgrade=route.upgrade,
        )


def _read_query(route: Route, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=_PARAMETERS
        )
    except ValueError:
        raise Refused("The request's query can't be read.", 400) from None
    parameters: dict[str, str] = {}
    for key, value in pairs:
        if key in parameters:
            raise Refused(f"The parameter {key!r} is there twice.", 400)
        if key not in route.query:
            raise refuse(f"The parameter {key}", value, "the gate lets no such parameter through")
        parameters[key] = route.query[key](f"The parameter {key}", value)
    for key in route.required:
        if key not in parameters:
            raise Refused(f"The parameter {key} is missing, and has to be there.")
    return parameters


def _check_upgrade(route: Route, request: Request) -> None:
    asked = request.headers.get("upgrade", "").lower(), request.headers.get("connection", "").lower()
    if asked[0] and not route.upgrade:
        raise Refused("Only an attached container's connection is upgraded.", 400)
    if route.upgrade and asked != ("tcp", "upgrade"):
        raise Refused("An attached container's connection is upgraded to tcp.", 400)


def _read_headers(route: Route, request: Request) -> dict[str, str]:
    """The headers that a route sends on, by the pattern of their values."""
    sent: dict[str, str] = {}
    for name, pattern in route.headers.items():
        if value := request.headers.get(name):
            if not re.fullmatch(pattern, value):
                raise Refused(f"The header {name} is not as it must be.", 400)
            sent[name] = value
    return sent


def _matching(pattern: str, rule: str) -> Param:
    compiled = re.compile(pattern)

    def check(where: str, value: str) -> str:
        if not compiled.fullmatch(value):
            raise refuse(where, value, rule)
        return value

    return check


def _flag(where: str, value: str) -> str:
    """Yes or no, as clients write it and as the engine reads it."""
    word = value.lower()
    if word not in ("1", "true", "0", "false", ""):
        raise refuse(where, value, "it must be 1 or 0")
    return "1" if word in ("1", "true") else "0"


def _never(where: str, value: str) -> str:
    if _flag(where, value) != "0":
        raise refuse(where, value, "it must be 0")
    return "0"


def _filter(asked: list[str], sent: list[str]) -> Param:
    """The one filter that may be asked for, and the one that is sent: things of others aren't told of."""

    def check(where: str, value: str) -> str:
        exactly({"label": asked})(where, read_json(value.encode()))
        return write_json({"label": sent}).decode()

    return check


_number = _matching(r"[0-9]{1,9}", "it must be a number")
_signal = _matching(r"[1-9]|[12][0-9]|3[01]", "it must be a signal's number")
_tail = _matching(r"[0-9]{1,9}|all", "it must be a number of lines")
_lists = {"limit": _matching("-1", "it must be -1"), "all": _flag, "size": _never, "trunc_cmd": _flag}
_REMOVES = {"v": _flag, "link": _never, "force": _flag}
_ENGINE = (
    Route("GET", "/_ping", unversioned=True),
    Route("HEAD", "/_ping", unversioned=True),
    Route("GET", "/version", unversioned=True),
    Route("GET", "/info"),
)
_OF_CONTAINERS = (
    Route("GET", f"/containers/{_NAME}/json", owned="containers"),
    Route("POST", f"/containers/{_NAME}/start", owned="containers"),
    Route("DELETE", f"/containers/{_NAME}", _REMOVES, owned="containers"),
)


def hub_rules(site: LabSite, network_body: Mapping[str, Any]) -> Rules:
    """Labs of this campus, and their network. `network_body` is the one with which that network is made."""

    def lab(parameters: Mapping[str, str], body: Any) -> Any:
        return check_lab(site, parameters["name"], body)

    def network(_: Mapping[str, str], body: Any) -> Any:
        return exactly(network_body)("The network", body)

    of_campus = f"{CAMPUS_LABEL}={site.campus}"
    log = {"stdout": _flag, "stderr": _flag, "timestamps": _flag, "follow": _flag, "tail": _tail}
    named = {"name": _matching(r"[a-z0-9-]{1,63}", "it must be a lab's name")}
    image = {
        "fromImage": _matching(REPOSITORY, "it must be the name of an image"),
        "tag": _matching(f"{TAG}|{DIGEST}", "it must be a tag"),
    }
    return Rules(
        "the hub",
        (
            *_ENGINE,
            *_OF_CONTAINERS,
            Route(
                "GET",
                "/containers/json",
                _lists | {"filters": _filter([of_campus], [of_campus, USER_LABEL])},
                ("filters",),
            ),
            Route("POST", "/containers/create", named, ("name",), body=lab),
            Route("POST", f"/containers/{_NAME}/stop", {"t": _number}, owned="containers"),
            Route("GET", f"/containers/{_NAME}/logs", log, owned="containers"),
            Route("GET", f"/networks/{re.escape(site.network)}"),
            Route("POST", "/networks/create", body=network),
            Route(
                *("POST", "/images/create", image, ("fromImage", "tag")),
                headers={"x-registry-auth": r"[A-Za-z0-9_+/=-]{1,8192}"},
            ),
        ),
        lambda labels: labels.get(CAMPUS_LABEL) == site.campus and USER_LABEL in labels,
    )


def grader_rules() -> Rules:
    """Containers that mark, and the folders that they share."""
    stream = dict.fromkeys(("stdin", "stdout", "stderr", "stream"), _flag)
    listed = {"filters": _filter([LABEL], [LABEL])}
    return Rules(
        "a grader",
        (
            *_ENGINE,
            *_OF_CONTAINERS,
            Route("GET", "/containers/json", _lists | listed, ("filters",)),
            Route("POST", "/containers/create", body=lambda _, body: check_marking(body)),
            Route("POST", f"/containers/{_NAME}/attach", stream, owned="containers", upgrade=True),
            Route("POST", f"/containers/{_NAME}/kill", {"signal": _signal}, owned="containers"),
            Route("GET", f"/images/{IMAGE.replace('@', '(?:@|%40)')}/json"),
            Route("POST", "/volumes/create", body=lambda _, body: check_shared_folder(body)),
            Route("GET", "/volumes", listed, ("filters",)),
            Route("DELETE", f"/volumes/(?P<name>{VOLUME})", owned="volumes"),
        ),
        lambda labels: LABEL in labels,
    )
