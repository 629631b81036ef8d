"""Looks around from inside a sandbox and says what it sees, as one JSON object. A script of its own, like `runner`."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os

CLONE_NEWUSER = 0x10000000


def main() -> None:
    """Report to standard output."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/status", encoding="ascii") as handle:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in handle if ":\t" in line)
    processes = [name for name in os.listdir("/proc") if name.isdigit()]
    seen = {
        "uid": os.getuid(),
        "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16) | int(status["CapPrm"], 16),
        "no_new_privs": status["NoNewPrivs"].strip() == "1",
        "seccomp": status.get("Seccomp", "0").strip() == "2",
        "processes": len(processes),
        "root": sorted(os.listdir("/")),
        "interfaces": interfaces(),
        "root_writable": can_write("/"),
        "work_writable": can_write(os.getcwd()),
        "hostname": os.uname().nodename,
        "environment": sorted(os.environ),
        "nested_user_namespace": libc.unshare(CLONE_NEWUSER) == 0,
    }
    print(json.dumps(seen), flush=True)  # noqa: T201


def interfaces() -> list[str]:
    """The network devices of this network namespace; asking the kernel by netlink is refused inside."""
    with open("/proc/self/net/dev", encoding="ascii") as handle:
        return [line.split(":")[0].strip() for line in handle if ":" in line]


def can_write(folder: str) -> bool:
    """Whether a file can be made in `folder`."""
    path = os.path.join(folder, ".lookout")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError:
        return False
    with contextlib.suppress(OSError):
        os.unlink(path)
    return True


if __name__ == "__main__":
    main()
