"""The warden's decisions: which labs are nobody's, and what is never removed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from hub_config.engine_view import Found, View
from hub_config.warden import ASK_HUB_EVERY, ORPHAN_SECONDS, HubView, Warden


def lab(username: str, *, id_: str = "", lease: int | None = None) -> Found:
    return Found(id_ or f"id-{username}", username, lease, "6f0c", "", "node1", running=True, made=0)


@dataclass
class EngineWith:
    labs: list[Found]
    removed: list[str] = field(default_factory=list)

    def look(self, campus: str) -> View:
        return View([], self.labs)

    def remove(self, lab: Found) -> None:
        self.removed.append(lab.id)


@dataclass
class World:
    """Hub and portal at their wires."""

    running: set[str] = field(default_factory=set)
    starting: set[str] = field(default_factory=set)
    hub_is_there: bool = True
    remove: list[int] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def hub(self, request: httpx.Request) -> httpx.Response:
        if not self.hub_is_there:
            return httpx.Response(502)
        name = request.url.path.removeprefix("/users").strip("/")
        if not name:
            return httpx.Response(200, json=[{"name": one, "servers": {"": {}}} for one in sorted(self.running)])
        servers = {"": {"pending": "spawn"}} if name in self.running | self.starting else {}
        return httpx.Response(200, json={"name": name, "servers": servers})

    def portal(self, request: httpx.Request) -> httpx.Response:
        self.told.append(json.loads(request.content))
        return httpx.Response(200, json={"remove": self.remove})

    def warden(self, engine: EngineWith) -> Warden:
        hub = httpx.Client(base_url="http://hub", transport=httpx.MockTransport(self.hub))
        portal = httpx.Client(base_url="http://portal", transport=httpx.MockTransport(self.portal))
        return Warden("bitgoeul", engine, HubView(hub), portal)


@pytest.fixture
def world() -> World:
    return World()


def look_for(warden: Warden, seconds: float, since: float = 0) -> None:
    """Look for so many seconds of the warden's clock."""
    moment = since
    while moment <= since + seconds:
        warden.look(moment)
        moment += ASK_HUB_EVERY


def test_a_lab_whose_user_has_no_server_goes_after_a_while(world: World) -> None:
    engine = EngineWith([lab("minji"), lab("dohyun")])
    world.running = {"minji"}
    warden = world.warden(engine)
    look_for(warden, ORPHAN_SECONDS - ASK_HUB_EVERY)
    assert engine.removed == []
    look_for(warden, 0, since=ORPHAN_SECONDS)
    assert engine.removed == ["id-dohyun"]


def test_a_lab_that_is_starting_is_never_removed(world: World) -> None:
    engine = EngineWith([lab("minji")])
    world.starting = {"minji"}
    look_for(world.warden(engine), 10 * ORPHAN_SECONDS)
    assert engine.removed == []


def test_a_new_lab_in_the_place_of_a_nobody_s_gets_its_own_time(world: World) -> None:
    engine = EngineWith([lab("minji", id_="old")])
    warden = world.warden(engine)
    look_for(warden, ORPHAN_SECONDS - ASK_HUB_EVERY)
    engine.labs = [lab("minji", id_="new")]
    look_for(warden, ORPHAN_SECONDS - ASK_HUB_EVERY, since=ORPHAN_SECONDS)
    assert engine.removed == []


def test_a_hub_that_is_away_owns_everything(world: World) -> None:
    engine = EngineWith([lab("minji")])
    warden = world.warden(engine)
    look_for(warden, ORPHAN_SECONDS - ASK_HUB_EVERY)
    world.hub_is_there = False
    look_for(warden, 10 * ORPHAN_SECONDS, since=ORPHAN_SECONDS)
    world.hub_is_there = True
    look_for(warden, ORPHAN_SECONDS - ASK_HUB_EVERY, since=20 * ORPHAN_SECONDS)
    assert engine.removed == []


def test_a_lab_whose_lease_has_ended_goes_at_once(world: World) -> None:
    engine = EngineWith([lab("minji", lease=17), lab("dohyun", lease=18), lab("yuna")])
    world.running = {"minji", "dohyun", "yuna"}
    world.remove = [17]
    world.warden(engine).look(0)
    assert engine.removed == ["id-minji"]


def test_the_portal_is_told_what_the_engine_has_at_every_look(world: World) -> None:
    engine = EngineWith([lab("minji", lease=17)])
    world.running = {"minji"}
    look_for(world.warden(engine), ASK_HUB_EVERY)
    assert len(world.told) == 2
    assert world.told[0]["servers"] == [{"lease": 17, "username": "minji", "device": "", "node": "node1"}]
    assert world.told[0]["nodes"] == []
    assert world.told[0]["at"].endswith("Z")
