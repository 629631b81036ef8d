"""Labs for tests on a Swarm: an image that holds nothing, whose programs are this machine's, seen read-only.

Who is called `real…` gets Jupyter, everybody else a program that stands in its place and starts at once.
"""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path
from typing import Any

from hub_config.containers import LAB_CONFIG

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "bitgoeul-bare"
VENV = Path(sys.prefix).resolve()
#: what labs see of this machine, and where
SEEN = {
    "/usr": "/usr",
    sys.base_prefix: sys.base_prefix,
    str(VENV): str(VENV),
    str(ROOT): str(ROOT),
    str(ROOT / "hub_config" / "lab"): str(LAB_CONFIG),
}
TINY = ["/usr/bin/env", str(VENV / "bin" / "python"), str(ROOT / "tests" / "support" / "tiny_lab.py")]
JUPYTER = [str(VENV / "bin" / "jupyterhub-singleuser")]
#: what a site may add, here for tests: an unwaited disk, which a killed hub loses nothing by, and a service to ask as
ADDITIONS = f"""
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "connect")
def hurry(connection, record):
    connection.execute("PRAGMA synchronous=OFF")

c.CampusSwarmSpawner.cmd = {TINY!r}

def choose(spawner):
    if spawner.user.name.startswith("real"):
        spawner.cmd = {JUPYTER!r}

c.CampusSwarmSpawner.pre_spawn_hook = choose
c.CampusSwarmSpawner.read_only_volumes = {SEEN!r}
c.CampusSwarmSpawner.environment = {{"PYTHONPATH": {str(ROOT)!r}}}
c.CampusSwarmSpawner.patience = 5
c.CampusSwarmSpawner.volumes = {{"bitgoeul-scratch": "/scratch"}}
c.JupyterHub.services.append({{"name": "tests", "api_token": %r}})
c.JupyterHub.load_roles.append(
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "tokens"]}}
)
"""


def additions(token: str) -> str:
    """The site's own file of the hub's configuration; with `token` tests speak to the hub."""
    return ADDITIONS % token


def swarm_hardware(image: str) -> dict[str, Any]:
    """What the campus lends: slices that the Swarm tells of, and one that is declared on a node which it hasn't."""
    usual = {"image": image, "memory": "1G", "cpus": 1, "shm": "64M", "pids": 128}
    gpu = {**usual, "kind": "GPU", "title": {"ko": "GPU 조각", "en": "GPU slice"}}
    profiles = [
        {**usual, "name": "cpu", "title": {"ko": "CPU", "en": "CPU"}},
        {**gpu, "name": "gpu-slice"},
        {**gpu, "name": "gpu-no-image", "image": "bitgoeul-missing:1"},
        {**gpu, "name": "gpu-elsewhere", "kind": "H100"},
    ]
    nodes = [{"name": "promised", "slices": [{"device": "GPU-promised-0", "kind": "H100"}]}]
    return {"profiles": profiles, "nodes": nodes, "rules": {"answer": "30s"}}


def bare_image() -> bytes:
    """A file system with the folders that a container needs and nothing in them, as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("usr", "etc", "tmp", "home/learner", "dev", "proc", "sys", "run", "var", "opt", "sbin"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        for link in ("bin", "lib", "lib64"):
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{link}"
            archive.addfile(entry)
        people = b"root:x:0:0:root:/root:/bin/sh\nlearner:x:1000:1000::/home/learner:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(people)
        archive.addfile(entry, io.BytesIO(people))
    return buffer.getvalue()
