"""The stand-in NVML library (nvml_stand_in.c), and a process that looks at its cards through gpus/node/nvml.py.

The library is found by its name, as the real one is: a process of its own gets LD_LIBRARY_PATH. As a program: reads
commands as JSON lines on stdin, answers each with a JSON line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_suffix(".c")
COMPILER = shutil.which("gcc") or shutil.which("cc")
NO_COMPILER = "needs a C compiler for the stand-in of NVIDIA's library: apt-get install gcc libc6-dev"


def build_library(folder: Path) -> Path:
    """Compile the library into `folder`, which is returned for LD_LIBRARY_PATH."""
    assert COMPILER
    target = folder / "libnvidia-ml.so.1"
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,-soname,libnvidia-ml.so.1"]
    subprocess.run([COMPILER, *options, "-o", str(target), str(SOURCE)], check=True)
    return folder


def environment(library: Path, scene: Path) -> dict[str, str]:
    """Variables with which a process meets the stand-in and plays `scene`."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("BITGOEUL_")},
        "LD_LIBRARY_PATH": str(library),
        "NVML_SCENE": str(scene),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    }


@dataclass
class Looking:
    """A process that holds NVML open."""

    process: subprocess.Popen[str]
    scene: Path

    def look(self, scene: str, *, settle: bool = True) -> dict[str, Any]:
        """What is seen of `scene`: the fields of a Sight, or {"error": ...}."""
        self.scene.write_text(scene)
        return self._ask({"do": "look", "settle": settle})

    def close(self) -> int:
        """Close NVML; the GPM samples that were left behind."""
        return int(self._ask({"do": "close"})["open_samples"])

    def _ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def looking(
    library: Path, folder: Path, *, kinds: Mapping[str, str] | None = None, every_process: bool = True
) -> Iterator[Looking]:
    """A process that opens NVML when it first looks."""
    path = folder / "scene.txt"
    options = json.dumps({"kinds": kinds or {}, "every_process": every_process})
    with subprocess.Popen(
        [sys.executable, str(Path(__file__)), options],
        env=environment(library, path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Looking(process, path)
        finally:
            process.kill()


def main() -> None:
    import ctypes

    from gpus.node.nvml import Cards, NoCards

    def answer(told: Mapping[str, Any]) -> None:
        print(json.dumps(told), flush=True)

    cards: Cards | None = None
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "close":
            assert cards
            cards.close()
            answer({"open_samples": ctypes.CDLL("libnvidia-ml.so.1").standInOpenSamples()})
            return
        try:
            cards = cards or Cards(**json.loads(sys.argv[1]))
            answer(asdict(cards.look()))
        except NoCards as error:
            answer({"error": error.message, "korean": error.korean})
            continue
        if command["settle"]:
            cards.settle()


if __name__ == "__main__":
    main()
