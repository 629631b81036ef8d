"""The first lines that run in a container: our own modules arrive on standard input and are imported from memory.

Handed to the image's interpreter as its command, so the image needs nothing of ours, and what runs inside is always of
the worker's version. Refuses an interpreter that is too old, in words for the worker. Standard library only.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

OLDEST = (3, 11)
ROOT = "/bitgoeul"


class SentModules(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Finds and loads modules by the sources that were sent; they come before any that the image has."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._sources:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            self.get_filename(fullname),
            loader=self,
            submodule_search_locations=[] if self.is_package(fullname) else None,
        )

    def get_source(self, fullname: str) -> str:
        return self._sources[fullname]

    def is_package(self, fullname: str) -> bool:
        return any(name.startswith(fullname + ".") for name in self._sources)

    def get_filename(self, fullname: str) -> str:
        return f"{ROOT}/{fullname.replace('.', '/')}{'/__init__' if self.is_package(fullname) else ''}.py"


def read_frame() -> bytes:
    """One message from standard input: its length in four bytes, then itself."""
    (length,) = struct.unpack(">I", _read(4))
    return _read(length)


def _read(count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def build_refusal(reason: str) -> bytes:
    """What tells the worker why nothing can be run in this image."""
    body = json.dumps({"failed": reason}).encode()
    return struct.pack(">I", len(body)) + body


def main() -> None:
    """Take the modules; stay behind as the container's first process, and run the job in a child. Never returns."""
    sys.path[:] = [entry for entry in sys.path if entry]  # nothing is imported from the working directory
    sent = json.loads(read_frame())
    if sys.version_info < OLDEST:
        reason = f"its python3 is {sys.version.split()[0]}, and {OLDEST[0]}.{OLDEST[1]} or newer is needed"
        os.write(1, build_refusal(reason))
        os._exit(1)
    sys.meta_path.insert(0, SentModules(sent["modules"]))
    channel = importlib.import_module(sent["first"]).become_first_process()
    try:
        start = importlib.import_module(sent["main"]).main
    except ImportError as error:
        channel.sendall(build_refusal(f"it lacks what running a notebook needs ({error})"))
        os._exit(1)
    start(sent["spec"], channel, sent["modules"])


if __name__ == "__main__":
    main()
