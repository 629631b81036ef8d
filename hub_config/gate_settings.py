"""Settings of the gate before the engine's socket: the hub's own about labs, and who may open which socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub_config.docker_network import build_network
from hub_config.environment import PREFIX, Environment, SettingsError
from hub_config.gate_labs import LEARNER, LabSite
from hub_config.gate_rules import Rules, grader_rules, hub_rules
from hub_config.lab_network import LabNetwork, read_lab_network
from hub_config.lab_settings import read_campus, read_folder, read_homes, read_staff

_RESERVED = ("host", "none", "bridge", "default")


@dataclass(frozen=True)
class Door:
    """One socket: where, whose rules, and the group that may open it (None for the gate's own)."""

    path: Path
    rules: Rules
    group: int | None


@dataclass(frozen=True)
class GateSettings:
    """`engine` is the path of the engine's socket, `homes` where homes lie."""

    engine: str
    doors: tuple[Door, ...]
    homes: str


def read_gate_settings(environ: Mapping[str, str]) -> GateSettings:
    """The settings. Raises SettingsError."""
    env = Environment(environ)
    campus = read_campus(env)
    network = read_lab_network(
        env,
        campus=campus,
        hub_api_url=env.url("HUB_API_URL", "http://hub:8081/hub/api"),
        portal_url=env.url("PORTAL_URL", "http://portal:8010/services/portal"),
    )
    if network.name in _RESERVED or not network.name.replace("-", "").isalnum():
        raise SettingsError(
            f"{PREFIX}LAB_NETWORK is {network.name!r}; the labs' network is one of their own: name it with letters, "
            "digits and hyphens."
        )
    homes = read_homes(env, "docker")
    offerings = read_folder(env, "LAB_OFFERINGS", env.text("OFFERINGS", f"{env.text('DATA', '/data')}/offerings"))
    site = LabSite(campus, network.name, network.dns, homes, offerings, env.text("LAB_COURSE_DATA"), _account(env))
    sockets = Path(env.text("GATE_SOCKETS", "/run/gate"))
    doors = [
        Door(
            sockets / "hub" / "docker.sock",
            hub_rules(site, network_body(network, campus)),
            _group(env, "GATE_HUB_GROUP"),
        )
    ]
    if env.text("WORKER_IMAGE"):
        doors.append(Door(sockets / "grader" / "docker.sock", grader_rules(), _group(env, "GATE_GRADER_GROUP")))
    return GateSettings(_engine(env), tuple(doors), homes)


def network_body(network: LabNetwork, campus: str) -> dict[str, object]:
    """What the engine is asked for when the labs' network is made, as docker-py writes it."""
    asked = build_network(network, campus)
    return {
        "Name": asked["name"],
        "Driver": asked["driver"],
        "Options": asked["options"],
        "IPAM": asked["ipam"],
        "CheckDuplicate": True,
        "Labels": asked["labels"],
    }


def _group(env: Environment, name: str) -> int | None:
    return env.number(name, 1) if env.text(name) else None


def _account(env: Environment) -> str:
    """Who grading servers run as: portal's and graders' account; the learners' where that is root."""
    uid, gid = read_staff(env, "2000:2000") or (0, 0)
    return f"{uid}:{gid}" if uid else LEARNER


def _engine(env: Environment) -> str:
    host = env.raw("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not host.startswith("unix:///"):
        raise SettingsError(
            f"DOCKER_HOST is {host!r}; the gate stands before an engine's socket: unix:///var/run/docker.sock."
        )
    return host.removeprefix("unix://")
