"""Container engines of the site: version, kernel's part, images, nodes, clock; and whether a CPU container sees cards.

The one module of the doctor that knows Docker's SDK. Looks from outside; the one container that it makes has no
network, ends by itself and is removed.
"""

from __future__ import annotations

import io
import json
import os
import socket
import tarfile
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from portal.checks.clocks import Clocks, now
from portal.checks.disks import room
from portal.checks.finding import Finding, version_of

OLDEST = (20, 10)
PROXY = (5, 0)
ANSWERS_WITHIN = 20
LABEL = "kr.bitgoeul.doctor"
#: where the proxy's program lies in our image and in JupyterHub's
MANIFESTS = (
    "/srv/proxy/node_modules/configurable-http-proxy/package.json",
    "/srv/configurable-http-proxy/package.json",
)
LOOK = "for card in /dev/nvidia[0-9]* /dev/nvidiactl; do [ -e $card ] && echo $card; done; true"


def examine_engines(addresses: Sequence[str], images: Sequence[str], clocks: Clocks) -> list[Finding]:
    """What each engine at `addresses` is like (none: the one that the environment names)."""
    found: list[Finding] = []
    for address in addresses or ("",):
        found += _one_engine(address, images, clocks)
    return found


def _one_engine(address: str, images: Sequence[str], clocks: Clocks) -> list[Finding]:
    where = address or os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        settings = {"base_url": address} if address else docker.utils.kwargs_from_env()
        _knock(where)
        with closing(docker.APIClient(**settings, version="auto", timeout=ANSWERS_WITHIN)) as api:
            asked = now()
            info: dict[str, Any] = api.info()
            clocks.note(f"engine {info['Name']}", datetime.fromisoformat(info["SystemTime"]), asked, now())
            return [
                *_engine(info),
                *_images(api, info, images),
                *_proxies(api),
                *_cards(api, info, images),
                *_nodes(api, info),
            ]
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        remedy = "run this on a node, as an account that may use its engine; or name engines with --engine"
        return [Finding("Engine", "weak", f"{where} doesn't answer ({type(error).__name__})", remedy)]


def _knock(where: str) -> None:
    """Raise OSError where nobody listens: the SDK would leave an open socket behind."""
    if where.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as trial:
            trial.connect(where.removeprefix("unix://"))


def _engine(info: dict[str, Any]) -> list[Finding]:
    name = f"Engine {info['Name']}"
    what = (
        f"{info['ServerVersion']}, {info['Driver']}, cgroup v{info.get('CgroupVersion', '1')} ({info['CgroupDriver']})"
    )
    found = [Finding(name, "ok", what)]
    if version_of(info["ServerVersion"]) < OLDEST:
        found = [Finding(name, "missing", what, "needs 20.10 or newer")]
    elif info["Driver"] not in ("overlay2", "overlayfs", "btrfs", "zfs"):
        found = [Finding(name, "weak", what, "overlay2 starts containers faster and shares their memory")]
    if not (info.get("MemoryLimit") and info.get("PidsLimit") and info.get("CpuCfsQuota")):
        remedy = "the kernel has to count memory, processes and time: cgroup_enable=memory on its command line"
        found.append(Finding(f"{name}: limits", "missing", "containers can't be held to their limits", remedy))
    root = Path(info["DockerRootDir"])
    if root.is_dir():
        found.append(room(f"{name}: disk", root))
    return found


def _images(api: Any, info: dict[str, Any], images: Sequence[str]) -> list[Finding]:
    name = f"Images on {info['Name']}"
    missing = [image for image in images if not _has(api, image)]
    if missing:
        remedy = f"images/build makes them, or on that node: docker pull {missing[0]}"
        return [Finding(name, "missing", f"not there: {', '.join(missing)}", remedy)]
    return [Finding(name, "ok", ", ".join(images))] if images else []


def _has(api: Any, image: str) -> bool:
    try:
        api.inspect_image(image)
    except docker.errors.NotFound:
        return False
    return True


def _proxies(api: Any) -> list[Finding]:
    """The version of every proxy that runs in a container there: its API doesn't tell."""
    found = []
    for container in api.containers():
        if "proxy" not in f"{container['Image']} {container['Command']} {' '.join(container['Names'])}":
            continue
        version = next((told for path in MANIFESTS if (told := _manifest_version(api, container["Id"], path))), "")
        if not version:
            continue
        name = f"Proxy in {container['Names'][0].lstrip('/')}"
        if version_of(version) < PROXY:
            remedy = "needs 5 or newer: version 4 stops answering at some 300 people"
            found.append(Finding(name, "missing", f"configurable-http-proxy {version}", remedy))
        else:
            found.append(Finding(name, "ok", f"configurable-http-proxy {version}"))
    return found


def _manifest_version(api: Any, container: str, path: str) -> str:
    try:
        stream, _ = api.get_archive(container, path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            file = archive.extractfile(archive.next() or "")
            return str(json.load(file)["version"]) if file else ""
    except docker.errors.NotFound:
        return ""


def _cards(api: Any, info: dict[str, Any], images: Sequence[str]) -> list[Finding]:
    """Whether a container that was promised no card sees one (nvidia-container-toolkit#1599)."""
    name = f"CPU containers on {info['Name']}"
    image = next((image for image in images if _has(api, image)), None)
    if image is None:
        return [Finding(name, "weak", "not tried: no image to try it with", "name one that is there: --image NAME")]
    made = api.create_container(
        image,
        entrypoint=["/bin/sh", "-c"],
        command=[LOOK],
        environment={"NVIDIA_VISIBLE_DEVICES": "void"},
        labels={LABEL: "1"},
        host_config=api.create_host_config(network_mode="none", cap_drop=["ALL"], mem_limit="256m", pids_limit=32),
    )
    try:
        api.start(made["Id"])
        api.wait(made["Id"], timeout=ANSWERS_WITHIN)
        seen = api.logs(made["Id"]).decode(errors="replace").split()
    finally:
        api.remove_container(made["Id"], force=True, v=True)
    if seen:
        remedy = (
            "update nvidia-container-toolkit, and set accept-nvidia-visible-devices-envvar-when-unprivileged = false"
        )
        return [Finding(name, "missing", f"see {', '.join(seen)}", remedy)]
    return [Finding(name, "ok", f"see no card (tried with {image})")]


def _nodes(api: Any, info: dict[str, Any]) -> list[Finding]:
    """What a Swarm's manager says of its nodes; nothing where this engine manages none."""
    swarm = info.get("Swarm", {})
    if not swarm.get("ControlAvailable"):
        if swarm.get("LocalNodeState") == "active":
            return [Finding(f"Swarm of {info['Name']}", "weak", "a worker: it can't tell of others", "ask a manager")]
        return []
    return [_node(node, info["ServerVersion"]) for node in api.nodes()]


def _node(node: dict[str, Any], version: str) -> Finding:
    told = node["Description"]
    name = f"Node {told['Hostname']}"
    offered = [
        f"{one['NamedResourceSpec']['Kind']}={one['NamedResourceSpec']['Value']}"
        for one in told["Resources"].get("GenericResources", [])
        if "NamedResourceSpec" in one
    ]
    what = f"{node['Status']['State']}, {node['Spec']['Availability']}, {len(offered)} slices"
    if node["Status"]["State"] != "ready":
        remedy = f"start its engine, look at its network: {node['Status'].get('Message') or 'no reason is told'}"
        return Finding(name, "missing", what, remedy)
    if node["Spec"]["Availability"] != "active":
        return Finding(
            name, "weak", what, f"takes nothing new; docker node update --availability active {told['Hostname']}"
        )
    engine = told["Engine"]["EngineVersion"]
    if version_of(engine)[:2] != version_of(version)[:2]:
        return Finding(
            name, "weak", f"{what}, engine {engine}", f"the manager has {version}: use one version on all nodes"
        )
    return Finding(name, "ok", f"{what}, engine {engine}")
