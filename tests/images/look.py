"""Run inside an image: says as JSON who runs, what lies there, and whether the installed packages fit together."""

import importlib.util
import json
import os
import pwd
import re
import sys
from importlib import metadata
from pathlib import Path

LIBRARY = next(iter(Path(sys.prefix).glob("lib/python3.*/site-packages")))


def what_does_not_fit() -> list[str]:
    """As `pip check`: required packages that are missing. Versions are the lock file's business."""
    installed = {re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower() for found in metadata.distributions()}
    missing = []
    for found in metadata.distributions():
        for requirement in found.requires or ():
            name = re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()
            if ";" not in requirement and name not in installed:
                missing.append(f"{found.metadata['Name']} requires {name}")
    return missing


def byte_code_flags() -> dict[str, int]:
    """How many modules have byte code of each kind; 1 is: carries a hash, which is not checked."""
    kinds: dict[str, int] = {}
    for path in LIBRARY.rglob("*.pyc"):
        flags = str(path.read_bytes()[4])
        kinds[flags] = kinds.get(flags, 0) + 1
    return kinds


def writable() -> list[str]:
    """Folders of programs and libraries in which whoever runs here could change something."""
    roots = (sys.prefix, "/usr", "/etc", "/srv", "/bin", "/lib", "/sbin")
    return [folder for root in roots for folder, _, _ in os.walk(root) if os.access(folder, os.W_OK)]


def ours() -> list[str]:
    packages = [LIBRARY / name for name in ("grader", "hub_config", "portal", "cohorts", "courses", "gpus")]
    return sorted(str(path.relative_to(LIBRARY)) for package in packages for path in package.rglob("*.py"))


LEFT = ("/build", "/ours", "/added", str(Path(pwd.getpwuid(0).pw_dir, ".cache")), "/var/lib/apt/lists/lock")

print(
    json.dumps(
        {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "missing": what_does_not_fit(),
            "byte code": byte_code_flags(),
            "writable": writable(),
            "ours": ours(),
            "pip": importlib.util.find_spec("pip") is not None,
            "left": [path for path in LEFT if os.path.exists(path)],
        }
    )
)
