"""NVIDIA's container toolkit on this node: old enough to leak, or not told how a Swarm names its slices.

Looks at the node that it runs on; run it on every GPU node. A machine without the toolkit and without a card has
nothing to look at.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from portal.checks.finding import Finding, version_of

TOOLKIT = (1, 19)
RESOURCE = "DOCKER_RESOURCE_GPU"
CONFIG = Path("etc/nvidia-container-runtime/config.toml")
DAEMON = Path("etc/docker/daemon.json")


def examine_toolkit(path: str, root: Path = Path("/")) -> list[Finding]:
    """What the toolkit that is on `path` is like, and how it and the engine are set up below `root`."""
    program = shutil.which("nvidia-ctk", path=path)
    cards = sorted((root / "dev").glob("nvidia[0-9]*")) if (root / "dev").is_dir() else []
    if program is None:
        if not cards:
            return []
        return [
            Finding(
                "NVIDIA toolkit",
                "missing",
                f"{len(cards)} cards, and no nvidia-ctk on the path",
                f"install nvidia-container-toolkit {_dotted(TOOLKIT)} or newer",
            )
        ]
    return [_version(program), *_daemon(root), *_swarm_resource(root)]


def _version(program: str) -> Finding:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = version_of(told)
    if version < TOOLKIT:
        return Finding(
            "NVIDIA toolkit",
            "missing",
            f"{_dotted(version) or 'unknown version'} at {program}",
            f"needs {_dotted(TOOLKIT)} or newer: older ones give a Swarm's tasks every card",
        )
    return Finding("NVIDIA toolkit", "ok", f"{_dotted(version)} at {program}")


def _daemon(root: Path) -> list[Finding]:
    """Whether the engine knows the runtime, and what it offers a Swarm."""
    path = root / DAEMON
    try:
        told: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        told = {}
    except (OSError, ValueError) as error:
        return [Finding("daemon.json", "missing", f"{path} can't be read ({error})", "correct it: it is JSON")]
    if "nvidia" not in told.get("runtimes", {}):
        return [
            Finding(
                "daemon.json",
                "missing",
                "the engine doesn't know the nvidia runtime",
                "nvidia-ctk runtime configure --runtime=docker --set-as-default, then restart Docker",
            )
        ]
    offered = told.get("node-generic-resources", [])
    if offered and told.get("default-runtime") != "nvidia":
        return [
            Finding(
                "daemon.json",
                "missing",
                f"offers {len(offered)} slices to a Swarm, and its default runtime is not nvidia",
                'set "default-runtime": "nvidia", then restart Docker',
            )
        ]
    shape = re.compile(r"[A-Za-z0-9._-]+=(GPU|MIG)-[A-Za-z0-9-]+")
    if wrong := [one for one in offered if not shape.fullmatch(str(one))]:
        return [
            Finding(
                "daemon.json",
                "weak",
                f"{wrong[0]!r} names no card",
                "write KIND=GPU-<uuid> or KIND=MIG-<uuid>, as bitgoeul node --declare prints it",
            )
        ]
    return [Finding("daemon.json", "ok", f"nvidia runtime, {len(offered)} slices offered to a Swarm")]


def _swarm_resource(root: Path) -> list[Finding]:
    """Where the engine offers slices, the toolkit has to read the variable that names a task's."""
    try:
        offers = "node-generic-resources" in json.loads((root / DAEMON).read_text())
    except (OSError, ValueError):
        offers = False
    if not offers:
        return []
    path = root / CONFIG
    try:
        told = str(tomllib.loads(path.read_text()).get("swarm-resource", ""))
    except (OSError, tomllib.TOMLDecodeError) as error:
        return [Finding("swarm-resource", "missing", f"{path} can't be read ({error})", _set_resource(path))]
    if RESOURCE not in [name.strip() for name in told.split(",")]:
        what = f"{path} says {told!r}" if told else f"{path} doesn't set it"
        return [Finding("swarm-resource", "missing", what, _set_resource(path))]
    return [Finding("swarm-resource", "ok", told)]


def _set_resource(path: Path) -> str:
    return f'write swarm-resource = "{RESOURCE}" at the top of {path}: without it a task sees every card, or none'


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
