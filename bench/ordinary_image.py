"""The image that the spawn bench compares with: the lab's packages in an image as somebody ordinary would write it.

bench/ordinary/Dockerfile, with the lock of bitgoeul-lab-cpu. It is built once for a Dockerfile and a lock, on the
engine that the environment names, with the settings of images/build (SITE_CA, PIP_INDEX_URL, BUILD_NETWORK).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.report import CannotMeasure

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / "bench" / "ordinary" / "Dockerfile"
LOCK = ROOT / "requirements" / "lab-cpu.txt"


def ensure_ordinary_image() -> str:
    """The image's name; builds it where the engine doesn't have it. Needs debian:bookworm-slim there (images/base)."""
    name = f"bitgoeul-bench-ordinary:{hashlib.sha256(DOCKERFILE.read_bytes() + LOCK.read_bytes()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode:
        _build(name)
    return name


def _build(name: str) -> None:
    network, index = os.environ.get("BUILD_NETWORK"), os.environ.get("PIP_INDEX_URL")
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder:
        context = Path(folder)
        shutil.copy(DOCKERFILE, context / "Dockerfile")
        shutil.copy(LOCK, context)
        if certificates := os.environ.get("SITE_CA"):
            shutil.copy(certificates, context / "site-ca.crt")
        print(f"building {name}, the ordinary image to compare with; this takes minutes, once", flush=True)
        done = subprocess.run(
            [
                *("docker", "build", "--tag", name),
                *(["--network", network] if network else []),
                *(["--build-arg", "PIP_INDEX_URL"] if index else []),
                str(context),
            ],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise CannotMeasure(
            f"The ordinary image could not be built: {(done.stdout + done.stderr)[-1500:]}\nBehind a proxy that opens "
            "TLS set SITE_CA=FILE; where the engine's bridge reaches no network, BUILD_NETWORK=host."
        )
