"""The namespace sandbox: a fresh process per job in namespaces of its own, with a private root and no privileges.

Owns what a job can see: the interpreter, its packages, system libraries and fonts, all read-only. Refuses to run
without every layer: `layers` says which one this machine lacks. Needs Linux with user namespaces, or root.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path
from threading import Event
from typing import Any

from grader.sandbox import private_root
from grader.sandbox.base import (
    Interpreters,
    Layer,
    Limits,
    Opening,
    SandboxJob,
    SandboxResult,
    SandboxUnavailable,
)
from grader.sandbox.execution import LOOKOUT, RUNNER, build_environment, build_limits, execute, set_up_failed
from grader.sandbox.launch import Tree, run_tree
from grader.sandbox.layers import layers_of
from grader.sandbox.probing import Probed
from grader.sandbox.warm_files import fill_home

INNER_ID = 1000
OUTER_ID = 61_999  # stands behind INNER_ID when the worker is root; belongs to nobody
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/fonts", "/etc/alternatives", "/etc/localtime")
ETC = {
    "passwd": f"root:x:0:0:root:/:/bin/sh\nstudent:x:{INNER_ID}:{INNER_ID}:student:{private_root.HOME}:/bin/sh\n",
    "group": f"root:x:0:\nstudent:x:{INNER_ID}:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
CAMPUS_PACKAGES = ("hub_config", "courses", "cohorts", "gpus", "grader", "portal")
RUNNER_INSIDE = "/.runner.py"
LOOKOUT_INSIDE = "/.lookout.py"


class NamespaceSandbox(Probed):
    """Runs jobs in fresh namespaces. `hidden` are folders that stay invisible even below a mounted one."""

    name = "namespaces"
    isolates = True

    def __init__(self, hidden: Iterable[Path] = ()) -> None:
        super().__init__()
        self.hidden = tuple(hidden)

    def run(self, job: SandboxJob, cancel: Event | None = None) -> SandboxResult:
        """Run `job` in namespaces of its own."""
        with tempfile.TemporaryDirectory(prefix="bitgoeul-") as home:
            fill_home(job.notebook, Path(home))
            binds = [{"source": str(RUNNER), "target": RUNNER_INSIDE}]
            spec = self._build_spec([sys.executable, "-I", RUNNER_INSIDE], binds, job, Path(home))
            result, tree = execute(spec, job, cancel)
        if set_up_failed(tree):
            raise SandboxUnavailable(*explain(tree))
        return result

    def open(self, opening: Opening, cancel: Event | None = None) -> Interpreters:
        """Refused: a kernel takes whole notebooks."""
        raise SandboxUnavailable(
            "The namespace sandbox runs whole notebooks only; use the fork sandbox to lead cells one by one.",
            "네임스페이스 샌드박스는 노트북 전체만 실행합니다. 셀을 하나씩 실행하려면 포크 샌드박스를 쓰세요.",
        )

    def afresh(self) -> NamespaceSandbox:
        """This one: every job starts a kernel."""
        return self

    def close(self) -> None:
        """Nothing is kept between jobs."""

    def _try_layers(self) -> list[Layer]:
        job = SandboxJob(notebook={"cells": []}, limits=Limits(wall=20, scratch=1 << 24))
        program = [sys.executable, "-I", "-S", LOOKOUT_INSIDE]
        binds = [{"source": str(LOOKOUT), "target": LOOKOUT_INSIDE}]
        spec = self._build_spec(program, binds, job, None)
        try:
            tree = run_tree(spec, b"", wall=20, memory=1 << 30, output=1 << 20)
        except OSError as error:
            return layers_of(None, (str(error), str(error)))
        seen = next((json.loads(line) for line in tree.lines if line.startswith(b"{")), None)
        return layers_of(seen, explain(tree))

    def _build_spec(
        self, program: list[str], binds: list[dict[str, str]], job: SandboxJob, home: Path | None
    ) -> dict[str, Any]:
        root = root_spec(self.hidden)
        return {
            **root,
            "mode": "namespaces",
            "program": program,
            "binds": [*root["binds"], *binds],
            "files": str(job.files.resolve()) if job.files else None,
            "home": str(home) if home else None,
            "uid": INNER_ID,
            "gid": INNER_ID,
            "outer_uid": OUTER_ID if os.geteuid() == 0 else None,
            "limits": build_limits(job.limits),
            "environment": build_environment(private_root.HOME, "/tmp", job.environment),
        }


def root_spec(hidden: Iterable[Path]) -> dict[str, Any]:
    """What the private root shows: the system and the interpreter, without `hidden` and the campus's own packages.

    The packages are there, course sources among them, when they are installed beside nbclient.
    """
    libraries = Path(sysconfig.get_paths()["purelib"])
    masks = (*(libraries / name for name in CAMPUS_PACKAGES), *hidden)
    return {
        "binds": system_binds(),
        "links": system_links(),
        "masks": [str(path) for path in masks if path.exists()],
        "etc": ETC,
    }


def interpreter_folders() -> list[str]:
    """The folders that hold the interpreter and its packages, by every name they are reached by."""
    folders = {sys.prefix, sys.base_prefix, os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)}
    link = sys.executable
    while os.path.islink(link):
        link = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)))
        folders.add(os.path.dirname(os.path.dirname(link)))
    return sorted(folder for folder in folders if folder != "/")


def system_binds() -> list[dict[str, str]]:
    """Read-only binds for the system and the interpreter, outer folders first, none of them twice."""
    wanted = [folder for folder in (*SYSTEM, *SYSTEM_FILES) if os.path.exists(folder) and not os.path.islink(folder)]
    if os.path.islink("/etc/localtime"):
        wanted.append("/etc/localtime")
    binds: list[dict[str, str]] = []
    for target in sorted({*wanted, *interpreter_folders()}, key=lambda path: (path.count("/"), path)):
        source = os.path.realpath(target)
        covered = any(b["source"] == b["target"] and _inside(target, b["target"]) for b in binds)
        if not (covered and source == target):
            binds.append({"source": source, "target": target})
    return binds


def system_links() -> list[dict[str, str]]:
    """Links like /lib -> usr/lib, as this machine has them."""
    return [{"path": path, "to": os.readlink(path)} for path in SYSTEM if os.path.islink(path)]


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def explain(tree: Tree) -> tuple[str, str]:
    """Why the set-up failed, in English and Korean, with what to do."""
    log = tree.log.decode("utf-8", "replace").strip()
    last = log.splitlines()[-1] if log else f"it ended with code {tree.code}"
    english = f"The namespace sandbox can't be set up here: {last}. {advise(last)[0]}"
    korean = f"이 컴퓨터에서 네임스페이스 샌드박스를 만들 수 없습니다: {last}. {advise(last)[1]}"
    return english.strip(), korean.strip()


def advise(reason: str) -> tuple[str, str]:
    """What to do about a failed step, in English and Korean; nothing where there is no advice."""
    if "mount proc" in reason:
        return (
            "In a container, start it with --security-opt systempaths=unconfined.",
            "컨테이너라면 --security-opt systempaths=unconfined 로 시작하세요.",
        )
    if any(word in reason for word in ("unshare", "map", "clone")):
        return (
            "Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0; on "
            "Ubuntu 24.04 kernel.apparmor_restrict_unprivileged_userns=0), or in a container a seccomp profile that "
            "allows unshare and mount.",
            "사용자 네임스페이스를 허용하세요(sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces > 0, "
            "Ubuntu 24.04는 kernel.apparmor_restrict_unprivileged_userns=0). 컨테이너라면 unshare와 mount를 허용하는 "
            "seccomp 프로필이 필요합니다.",
        )
    return "", ""
