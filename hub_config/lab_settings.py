"""Settings of labs in containers: whose they are, where their files lie, how many start at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hub_config.environment import PREFIX, Environment, SettingsError
from hub_config.lab_network import LabNetwork, read_lab_network

#: spawners whose servers are labs in containers
CONTAINER_SPAWNERS = ("docker", "swarm")
_CAMPUS = re.compile(r"[a-z][a-z0-9]{0,19}")
_ACCOUNT = re.compile(r"[0-9]{1,9}:[1-9][0-9]{0,8}|0:0")
_LEASE_TOKEN_LENGTH = 32


@dataclass(frozen=True)
class LabSettings:
    """What the hub knows of labs in containers. `repr()` shows no secret."""

    campus: str
    lease_token: str = field(repr=False)
    network: LabNetwork
    homes: str
    home_quota: int
    offerings: str
    course_data: str
    staff: tuple[int, int] | None
    concurrent_starts: int
    constraints: tuple[str, ...]
    endpoint_mode: str


def read_campus(env: Environment) -> str:
    """The campus's name, with which everything on the engine begins."""
    campus = env.text("CAMPUS", "bitgoeul")
    if not _CAMPUS.fullmatch(campus):
        raise SettingsError(
            f"{PREFIX}CAMPUS is {campus!r}; the names of containers begin with it: small letters and digits, a letter "
            "first, 20 at most."
        )
    return campus


def read_lab_settings(
    env: Environment, *, spawner: str, hub_api_url: str, portal_url: str, offerings: str
) -> LabSettings:
    """Settings of labs; addresses and `offerings` are what the hub itself uses, where labs use the same."""
    campus = read_campus(env)
    return LabSettings(
        campus=campus,
        lease_token=_lease_token(env, spawner),
        network=read_lab_network(env, campus=campus, hub_api_url=hub_api_url, portal_url=portal_url),
        homes=read_homes(env, spawner),
        home_quota=env.size("LAB_HOME_QUOTA"),
        offerings=read_folder(env, "LAB_OFFERINGS", offerings),
        course_data=env.text("LAB_COURSE_DATA"),
        staff=read_staff(env),
        concurrent_starts=env.number("LAB_STARTS", 8),
        constraints=env.names("LAB_CONSTRAINTS"),
        endpoint_mode=env.choice("LAB_ENDPOINT_MODE", ("dnsrr", "vip"), "dnsrr"),
    )


def read_staff(env: Environment, default: str = "") -> tuple[int, int] | None:
    """The account of portal and graders, whose group is root's only where they are root; None where it isn't said."""
    text = env.text("ACCOUNT", default)
    if not text:
        return None
    if not _ACCOUNT.fullmatch(text):
        raise SettingsError(f"{PREFIX}ACCOUNT is {text!r}; write the numbers UID:GID, as 2000:2000.")
    uid, _, gid = text.partition(":")
    return int(uid), int(gid)


def _lease_token(env: Environment, spawner: str) -> str:
    token = env.secret("LEASE_TOKEN")
    if spawner in CONTAINER_SPAWNERS and len(token) < _LEASE_TOKEN_LENGTH:
        raise SettingsError(
            f"{PREFIX}LEASE_TOKEN has {len(token)} characters; the hub asks the portal for hardware with it, so it "
            f"needs {_LEASE_TOKEN_LENGTH} at least, the same in both. Make one with: openssl rand -hex 32"
        )
    return token


def read_homes(env: Environment, spawner: str) -> str:
    if spawner == "swarm" and not env.text("LAB_HOMES"):
        raise SettingsError(
            f"{PREFIX}LAB_HOMES is not set, and {PREFIX}SPAWNER is swarm; name the folder of homes, on a file system "
            "that every node mounts there. A volume would stay on the node on which it was made."
        )
    return "volumes" if env.text("LAB_HOMES", "volumes") == "volumes" else read_folder(env, "LAB_HOMES", "")


def read_folder(env: Environment, name: str, default: str) -> str:
    folder = env.text(name, default).rstrip("/")
    if not folder.startswith("/"):
        raise SettingsError(
            f"{PREFIX}{name} is {folder!r}; it must be the whole path of a folder on the engine's machine."
        )
    return folder
