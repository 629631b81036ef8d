"""This machine: interpreter, packages, the proxy's Node, memory, and room for the data folder."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from portal.campus_tree import PROXY, ROOT
from portal.checks.finding import Finding

DISK_NEEDED = 2 * 1024**3
MEMORY_NEEDED = 2 * 1024**3


def examine_machine(data: Path) -> list[Finding]:
    """What a campus with its data in `data` finds on this machine; in an image of ours, what that image is for."""
    beside = [] if os.environ.get("BITGOEUL_IN_IMAGE") else [_packages(), _node(), _proxy()]
    return [_python(), *beside, _memory(), data_folder(data)]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", "ok", f"{version} at {sys.executable}")


def _packages() -> Finding:
    wanted = [
        Requirement(line)
        for line in (ROOT / "requirements" / "run.in").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    wrong: list[str] = []
    for requirement in wanted:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is not installed")
            continue
        if version not in requirement.specifier:
            wrong.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    if wrong:
        return Finding("Packages", "missing", "; ".join(wrong), "run scripts/setup run")
    hub, nbgrader, lab = (importlib.metadata.version(name) for name in ("jupyterhub", "nbgrader", "jupyterlab"))
    return Finding("Packages", "ok", f"jupyterhub {hub}, nbgrader {nbgrader}, jupyterlab {lab}")


def _node() -> Finding:
    node = shutil.which("node", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if node is None:
        return Finding("Node", "missing", "no node on the path", "run scripts/setup run: it takes one from a wheel")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = int(version.lstrip("v").split(".")[0] or 0) if version else 0
    if major < 20:
        return Finding("Node", "missing", f"{version or 'unknown version'} at {node}", "needs 20 or newer")
    return Finding("Node", "ok", f"{version} at {node}")


def _proxy() -> Finding:
    manifest = PROXY.parent.parent / "package.json"
    if not manifest.exists():
        return Finding("Proxy", "missing", "configurable-http-proxy is not installed", "run scripts/setup run")
    version = json.loads(manifest.read_text())["version"]
    if int(version.split(".")[0]) < 5:
        return Finding(
            "Proxy", "missing", f"configurable-http-proxy {version}", "needs 5 or newer: run scripts/setup run"
        )
    return Finding("Proxy", "ok", f"configurable-http-proxy {version}")


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    what = f"{total / 1024**3:.1f} GiB, {os.cpu_count()} cores"
    if total < MEMORY_NEEDED:
        return Finding("Memory", "weak", what, "a lab takes about 200 MiB: expect room for few people at once")
    return Finding("Memory", "ok", what)


def data_folder(data: Path) -> Finding:
    existing = next(folder for folder in (data, *data.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        return Finding("Data folder", "missing", f"{existing} can't be written", "choose another: --data FOLDER")
    free = shutil.disk_usage(existing).free
    what = f"{data}, {free / 1024**3:.1f} GiB free"
    if free < DISK_NEEDED:
        return Finding("Data folder", "weak", what, "make room: submissions and homes are kept for good")
    return Finding("Data folder", "ok", what)
