"""What hub and graders really ask of the container engine, as docker-py writes it, for tests of the gate before it."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

import docker

from grader.sandbox.base import Limits, Opening
from grader.sandbox.container_engine import Engine
from grader.sandbox.container_owner import Owner, labels_of
from grader.sandbox.container_plan import ContainerKind, ContainerPlan, Tmpfs, build_plan
from hub_config.container_body import EngineAbilities, build_body
from hub_config.containers import labels_of as lab_labels_of
from hub_config.containers import mounts_of, name_of, work_folder_of
from hub_config.docker_network import build_network
from hub_config.gate_labs import LabSite
from hub_config.gate_rules import Request, Rules, grader_rules, hub_rules
from hub_config.gate_settings import network_body
from hub_config.lab_network import LabNetwork
from hub_config.leases import Hardware

MIB = 1 << 20
SITE = LabSite("test", "test-labs", dns=("10.9.9.9",), offerings="/srv/offerings", course_data="/srv/data")
NETWORK = LabNetwork("test-labs", IPv4Network("10.213.0.0/16"), "http://hub:8081", "http://portal", False, (), ())
CPU = Hardware("cpu", "bitgoeul-lab-cpu", memory=512 * MIB, cpus=1.0, shm=64 * MIB, pids=256, disk=0)
HUB = hub_rules(SITE, network_body(NETWORK, "test"))
GRADER = grader_rules()
MARKING = ContainerKind("bitgoeul-marking")


class Posted(Exception):
    """The body is known."""


class Recording(docker.APIClient):
    """A client that keeps the body that it would have posted, as JSON has it."""

    def __init__(self) -> None:
        super().__init__(version="1.41")
        self.body: Any = None

    def _post_json(self, url: str, data: Mapping[str, Any], **options: Any) -> Any:
        self.body = json.loads(json.dumps({key: value for key, value in data.items() if value is not None}))
        raise Posted


def _recorded(act: Any) -> Any:
    client = Recording()
    try:
        act(client)
    except Posted:
        return client.body
    finally:
        client.close()
    raise AssertionError("nothing was posted")


def lab_body(
    username: str = "minji",
    *,
    site: LabSite = SITE,
    device: str = "",
    account: tuple[int, int] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A lab as the hub asks for it. `account` as in LabFiles: its home lies in memory."""
    mounts = mounts_of(
        campus=site.campus,
        username=username,
        homes=site.homes,
        offerings=site.offerings,
        course_data=site.course_data,
    )
    given = {"hardware": CPU, "abilities": EngineAbilities(limits_disk=False), "home_quota": 0} | more
    return build_body(
        name=name_of(site.campus, username),
        device=device,
        environment={"USER": username} | ({} if device else {"NVIDIA_VISIBLE_DEVICES": "void"}),
        labels=lab_labels_of(campus=site.campus, username=username, lease=None, request="0123456789ab", device=device),
        mounts=mounts[1:] if account else mounts,
        account=account,
        work_folder=str(work_folder_of(username)),
        network=site.network,
        dns=site.dns,
        **given,
    )


def marking_plan(*, device: str = "", judged: bool = True) -> ContainerPlan:
    """A container that marks, as a grader plans it."""
    kind = dataclasses.replace(MARKING, devices=(device,) if device else ())
    opening = Opening(limits=Limits(), judged=judged)
    volume = "bitgoeul-0011223344556677" if judged else None
    return build_plan(kind, opening, labels_of(Owner.me("tests"), "work"), "17", volume)


def marking_body(*, device: str = "", judged: bool = True) -> dict[str, Any]:
    """The same as it is posted."""
    plan = marking_plan(device=device, judged=judged)
    body: dict[str, Any] = _recorded(lambda client: Engine(client).create(plan))
    return body


def folder_body() -> dict[str, Any]:
    """The folder that two sides of a job share, as it is posted."""
    labels = labels_of(Owner.me("tests"), "shared")
    body: dict[str, Any] = _recorded(
        lambda client: Engine(client).create_volume("bitgoeul-0011223344556677", Tmpfs(MIB), labels)
    )
    return body


def network_request() -> dict[str, Any]:
    """The labs' network, as it is posted."""
    asked = build_network(NETWORK, "test")
    body: dict[str, Any] = _recorded(lambda client: client.create_network(**asked, check_duplicate=True))
    return body


def changed(body: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A copy with another value at `place`, keys and numbers with dots between them."""
    copied = copy.deepcopy(body)
    inner: Any = copied
    *above, last = place.split(".")
    for key in above:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    if isinstance(inner, list):
        inner[int(last) :] = [value]
    else:
        inner[last] = value
    return copied


def decide(rules: Rules, method: str, target: str, body: Any = None, **headers: str) -> Any:
    """What the gate sends on. `body` is bytes, or what is written as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return rules.decide(Request(method, target, headers, raw))


def create(rules: Rules, body: Any, name: str = "test-minji") -> Any:
    """The body with which a container would be made."""
    query = f"?name={name}" if rules is HUB else ""
    return json.loads(decide(rules, "POST", f"/v1.41/containers/create{query}", body).body)
