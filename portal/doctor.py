"""Findings about this machine: each says what was looked at, what was found, and what to do when it falls short."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from grader.sandbox.base import Layer
from portal.campus_tree import PROXY, ROOT

State = Literal["ok", "weak", "missing"]
DISK_NEEDED = 2 * 1024**3
MEMORY_NEEDED = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` is empty when there is nothing to do."""

    subject: str
    state: State
    what: str
    remedy: str = ""


def examine(data: Path) -> list[Finding]:
    """Look at everything a campus on this machine needs; changes nothing."""
    return [
        _python(),
        _packages(),
        _node(),
        _proxy(),
        _memory(),
        _data(data),
        _database(data),
        _settings(data),
        *_sandbox(),
        *_containers(data),
    ]


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


def _data(data: Path) -> Finding:
    existing = next(folder for folder in (data, *data.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        return Finding("Data folder", "missing", f"{existing} can't be written", "choose another: --data FOLDER")
    free = shutil.disk_usage(existing).free
    what = f"{data}, {free / 1024**3:.1f} GiB free"
    if free < DISK_NEEDED:
        return Finding("Data folder", "weak", what, "make room: submissions and homes are kept for good")
    return Finding("Data folder", "ok", what)


def _database(data: Path) -> Finding:
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.exc import SQLAlchemyError

    from portal.settings import PortalSettings

    url = PortalSettings.from_environment(os.environ, data=data).database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return Finding("Database", "ok", "none yet; bitgoeul up makes it")
    engine = create_engine(url)
    try:
        tables = inspect(engine).get_table_names()
    except SQLAlchemyError as error:
        return Finding("Database", "missing", str(error).splitlines()[0], "check BITGOEUL_DATABASE_URL and the server")
    finally:
        engine.dispose()
    if "alembic_version" not in tables:
        return Finding("Database", "weak", "holds no campus yet", "bitgoeul up brings it to the newest schema")
    return Finding("Database", "ok", f"{engine.url.render_as_string(hide_password=True)}, {len(tables)} tables")


def _settings(data: Path) -> Finding:
    from portal.settings import PortalSettings

    settings = PortalSettings.from_environment(os.environ, data=data)
    if settings.sign_in == "demo" and settings.production:
        return Finding("Sign-in", "missing", "demonstration passwords in production", "set BITGOEUL_SIGN_IN")
    if settings.sign_in == "demo":
        return Finding("Sign-in", "weak", "demonstration passwords", "for real classes set BITGOEUL_SIGN_IN")
    if not settings.admins:
        return Finding("Sign-in", "weak", f"{settings.sign_in}, nobody is administrator", "set BITGOEUL_ADMINS")
    return Finding("Sign-in", "ok", f"{settings.sign_in}, administrators: {', '.join(settings.admins)}")


def _sandbox() -> list[Finding]:
    from grader.sandbox import probe

    return [_layer(layer) for layer in probe()]


def _containers(data: Path) -> list[Finding]:
    """What holds in containers, where graders are told to use any."""
    from portal.sandboxing import build_containers
    from portal.settings import PortalSettings, SettingsError

    try:
        containers = build_containers(PortalSettings.from_environment(os.environ, data=data), "doctor")
    except SettingsError as error:
        return [Finding("Containers", "missing", str(error))]
    if containers is None:
        return []
    with closing(containers.sandbox) as sandbox:
        return [_layer(layer, "Container") for layer in sandbox.layers()]


def _layer(layer: Layer, kind: str = "Sandbox") -> Finding:
    name = f"{kind}: {layer.name}"
    if layer.holds:
        return Finding(name, "ok", "holds")
    if layer.substitute is not None:
        return Finding(name, "weak", layer.substitute.en, layer.reason.en)
    return Finding(name, "weak", "does not hold", layer.reason.en)
