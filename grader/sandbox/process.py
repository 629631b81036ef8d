"""The process sandbox: limits, an environment of its own, and nothing more. It isolates nothing.

For a demonstration on a machine that can't do namespaces. Student code can read whatever the worker's user can read,
the two sides of a judged job included, so it says so loudly and refuses to be made in production.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from threading import Event

from courses.model import Text
from grader.sandbox.base import Interpreters, Layer, Opening, SandboxJob, SandboxResult, SandboxUnavailable
from grader.sandbox.execution import RUNNER, build_environment, build_limits, execute, set_up_failed
from grader.sandbox.opening import open_fork
from grader.sandbox.parents import Parents
from grader.sandbox.warm_files import fill_home

log = logging.getLogger(__name__)

WARNING = Text(
    ko="격리되지 않은 샌드박스: 학생 코드가 이 사용자의 모든 파일(성적부 포함)과 네트워크에 접근할 수 있습니다. "
    "시연에만 쓰세요.",
    en="This sandbox isolates NOTHING: student code can reach every file of this user, the gradebook included, and the "
    "network. Use it for a demonstration only.",
)


class ProcessSandbox:
    """Runs jobs as ordinary child processes with resource limits."""

    name = "process"
    isolates = False

    def __init__(self, *, production: bool = False) -> None:
        if production:
            raise SandboxUnavailable(
                "The process sandbox isolates nothing and does not serve in production. Make user namespaces available "
                "(see `bitgoeul doctor`), or unset BITGOEUL_PRODUCTION for a demonstration.",
                "프로세스 샌드박스는 아무것도 격리하지 않으므로 운영 환경에서는 쓸 수 없습니다. 사용자 네임스페이스를 "
                "쓸 수 있게 하거나(`bitgoeul doctor` 참고) 시연이라면 BITGOEUL_PRODUCTION을 해제하세요.",
            )
        log.warning("%s %s", WARNING.ko, WARNING.en)
        environment = build_environment("/", tempfile.gettempdir(), {})
        self.parents = Parents(lambda: {"mode": "process", "environment": environment})

    def open(self, opening: Opening, cancel: Event | None = None) -> Interpreters:
        """Start a job's interpreters as plain forks of a warm one, in temporary folders."""
        folder = tempfile.TemporaryDirectory(prefix="bitgoeul-")
        root = Path(folder.name)
        folders = {name: str(root / name) for name in ("work", "home", "tmp", "given", "judge")}
        for path in folders.values():
            os.mkdir(path)
        own = {**opening.environment, "HOME": folders["home"], "TMPDIR": folders["tmp"]}
        job = replace(opening, environment=own)
        try:
            return open_fork(self.parents, job, {"folders": folders}, None, cancel, folder.cleanup)
        except BaseException:
            folder.cleanup()
            raise

    def afresh(self) -> ProcessSandbox:
        """One with warm interpreters of its own. The caller closes it."""
        return ProcessSandbox()

    def close(self) -> None:
        """End the warm interpreters. A later job starts new ones."""
        self.parents.close()

    def run(self, job: SandboxJob, cancel: Event | None = None) -> SandboxResult:
        """Run `job` in a temporary folder that is removed afterwards."""
        with tempfile.TemporaryDirectory(prefix="bitgoeul-") as folder:
            root = Path(folder)
            work, home, temporary = root / "work", root / "home", root / "tmp"
            if job.files is None:
                work.mkdir()
            else:
                shutil.copytree(job.files, work, ignore=_only_plain)
            home.mkdir()
            temporary.mkdir()
            fill_home(job.notebook, home)
            spec = {
                "mode": "process",
                "program": [sys.executable, "-I", str(RUNNER)],
                "work": str(work),
                "limits": build_limits(job.limits),
                "environment": build_environment(str(home), str(temporary), job.environment),
            }
            result, tree = execute(spec, job, cancel)
        if set_up_failed(tree):
            text = tree.log.decode("utf-8", "replace").strip()
            raise SandboxUnavailable(f"A job can't be started here: {text}", f"작업을 시작할 수 없습니다: {text}")
        return result

    def layers(self) -> list[Layer]:
        """No layer holds; the one reason says so."""
        return [Layer("isolation", False, WARNING)]


def _only_plain(folder: str, names: list[str]) -> list[str]:
    """Names to leave behind: links, devices, sockets."""
    here = Path(folder)
    return [n for n in names if (here / n).is_symlink() or not ((here / n).is_file() or (here / n).is_dir())]
