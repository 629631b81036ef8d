"""One job, from inside: a fork of the warm parent that becomes the work side, or the judge side beside a work side.

Owns the order in which a side closes itself in, and the loop that runs the cells it is told to. The job's first process
sets up the mounts and runs the preamble. Alone it becomes the work side, closed in before the first cell. Where the job
is judged it then forks the work side into namespaces below its own, so that the student's code sees nothing of it, and
becomes the judge side; only after that do tests arrive, on a channel the work side doesn't hold. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from grader.judge.given import GivenFiles
from grader.judge.judge import JudgeSide
from grader.judge.work import WorkSide
from grader.sandbox import calls, control, job_root, parcel, seccomp
from grader.sandbox.enter import limit_process, lower_limit
from grader.sandbox.loop import Loop
from grader.sandbox.private_root import WORK
from grader.sandbox.shell import Shell

NAMESPACES = (
    calls.CLONE_NEWUSER
    | calls.CLONE_NEWNS
    | calls.CLONE_NEWPID
    | calls.CLONE_NEWNET
    | calls.CLONE_NEWIPC
    | calls.CLONE_NEWUTS
    | calls.CLONE_NEWCGROUP
)
OF_WORK_SIDE = NAMESPACES & ~calls.CLONE_NEWUTS
INNER_ID = 1000


@dataclass
class Job:
    """What the first process of a job holds."""

    request: dict[str, Any]
    shell: Shell
    filter: seccomp.Filter | None
    main: socket.socket
    work: socket.socket | None
    files: int | None
    given: int | None
    group: int | None

    @property
    def isolated(self) -> bool:
        return self.filter is not None

    @property
    def judged(self) -> bool:
        return self.work is not None


def become_job(
    request: dict[str, Any], shell: Shell, system_calls: seccomp.Filter | None, descriptors: list[int]
) -> None:
    """Run the job in this process, which is a fork of the warm parent. Never returns."""
    try:
        job = _take_over(request, shell, system_calls, descriptors)
        with _failures_told(job.main, "job"):
            if job.group is not None:
                os.write(job.group, b"0")
                os.close(job.group)
            control.send_with(job.main, {"op": "hello"}, [os.pidfd_open(os.getpid())])
            control.receive(job.main)  # the worker has put this process under the job's limits
            _set_up(job)
            control.send(job.main, {"op": "ready"})
            if job.judged:
                _lead_judged(job)
            else:
                _enter(job, closed=True)
                shell.after_fork()
                Loop(job.main, shell).serve()
    finally:
        os._exit(0)


@contextlib.contextmanager
def _failures_told(channel: socket.socket, who: str) -> Iterator[None]:
    """What goes wrong in a side itself ends it; the worker hears why, if it still listens."""
    try:
        yield
    except control.ChannelClosed:
        pass
    except BaseException as error:
        with contextlib.suppress(control.ChannelClosed):
            control.send(channel, {"failed": f"{who}: {type(error).__name__}: {error}"})


def _take_over(
    request: dict[str, Any], shell: Shell, system_calls: seccomp.Filter | None, descriptors: list[int]
) -> Job:
    """Keep the job's own descriptors, far up and closed to programs; let go of everything of the parent's."""
    high = request["limits"]["open_files"] - 16
    kept = [fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, high) for handle in descriptors]
    os.closerange(3, high)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    if null > 2:
        os.close(null)
    main = socket.socket(fileno=kept.pop(0))
    work = socket.socket(fileno=kept.pop(0)) if request["judged"] else None
    files, given, group = (kept.pop(0) if request[name] else None for name in ("files", "given", "group"))
    return Job(request, shell, system_calls, main, work, files, given, group)


def _set_up(job: Job) -> None:
    request = job.request
    if job.isolated:
        calls.map_own_id(INNER_ID, INNER_ID, INNER_ID)
        calls.bring_up_loopback()
        calls.set_hostname("sandbox")
        job_root.mount_job(request["limits"]["scratch"], job.files, job.given)
        work = WORK
    else:
        calls.prctl(calls.PR_SET_CHILD_SUBREAPER, 1)
        work = request["folders"]["work"]
        for parcelled, folder in ((job.files, work), (job.given, request["folders"]["given"])):
            if parcelled is not None:
                parcel.unpack(parcelled, folder)
    os.setsid()
    for handle in (job.files, job.given):
        if handle is not None:
            os.close(handle)
    os.environ.update(request["environment"])
    os.chdir(work)
    signal.signal(signal.SIGINT, _ignore)
    calls.prctl(calls.PR_SET_NO_NEW_PRIVS, 1)
    limit_process(request["limits"])


def _enter(job: Job, *, closed: bool, shares: int = 1) -> None:
    """Get ready to run cells; `closed`: as a side, with every right given up for good.

    The judge side has `shares` for two: the kernel counts a user namespace's processes to the one above it too.

    Open files are limited only here, once the last descriptor was passed: the kernel counts descriptors on their way by
    user, for all jobs together, and refuses to pass more than the sender may open. Students' code may open less than
    what sets up a job, so it can't fill the count for the others.
    """
    if closed:
        lower_limit(resource.RLIMIT_NOFILE, job.request["limits"]["open_files"])
        lower_limit(resource.RLIMIT_NPROC, job.request["limits"]["processes"] * shares)
    if closed and job.filter is not None:
        job_root.seal_proc()
        calls.drop_bounding_set()
        calls.drop_capabilities()
        job.filter.install()
        calls.prctl(calls.PR_SET_DUMPABLE, 0)
    elif job.isolated:
        calls.lay_down_capabilities()


def _lead_judged(job: Job) -> None:
    """The preamble, the split, then the judge side's loop."""
    given = job_root.GIVEN if job.isolated else job.request["folders"]["given"]
    if job.request["preamble"]:
        _enter(job, closed=False)
        job.shell.after_fork()
        _use_path(given)
        Loop(job.main, job.shell).serve(until="split")
        if job.isolated:
            calls.take_up_capabilities()
    else:
        control.receive(job.main)
    link, works_end = socket.socketpair()
    restore = _keep_randomness(job.request["preamble"] and not job.shell.only_imports)
    pid = calls.fork_into(OF_WORK_SIDE) if job.isolated else os.fork()
    if pid == 0:
        link.close()
        _be_work_side(job, works_end, given, restore)
    works_end.close()
    assert job.work
    job.work.close()
    handle = os.pidfd_open(pid)
    control.send_with(job.main, {"op": "split"}, [handle])
    os.close(handle)
    if job.isolated:
        job_root.mount_judge_side(job.request["limits"]["scratch"])
        os.chdir(WORK)
    else:
        os.environ.update(HOME=job.request["folders"]["judge"], TMPDIR=job.request["folders"]["judge"])
    _enter(job, closed=True, shares=2)
    if job.request["preamble"]:
        job.shell.go_on()
    else:
        job.shell.after_fork()
    restore()
    _use_path(given)
    work = WORK if job.isolated else job.request["folders"]["work"]
    files = GivenFiles(given, work) if job.request["given"] else None
    judge = JudgeSide(_far_up(link, job), job.shell, files)
    control.send(job.main, {"op": "ready"})
    Loop(job.main, job.shell, judge=judge).serve()


def _be_work_side(job: Job, link: socket.socket, given: str, restore: Callable[[], None]) -> None:
    """Never returns."""
    channel = job.work
    assert channel
    try:
        with _failures_told(channel, "work side"):
            job.main.close()
            signal.signal(signal.SIGINT, _ignore)
            if job.isolated:
                calls.map_own_id(INNER_ID, INNER_ID, INNER_ID)
                calls.bring_up_loopback()
                job_root.mount_work_side()
            else:
                os.setsid()
            _enter(job, closed=True)
            job.shell.after_fork()
            restore()
            with contextlib.suppress(ValueError):
                sys.path.remove(given)
            link = _far_up(link, job)
            work = WorkSide(link, job.shell)
            control.send(channel, {"op": "ready"})
            Loop(channel, job.shell, work=work, link=link).serve()
    finally:
        os._exit(0)


def _far_up(link: socket.socket, job: Job) -> socket.socket:
    """The link where no code of a notebook expects a descriptor."""
    moved = fcntl.fcntl(link.fileno(), fcntl.F_DUPFD_CLOEXEC, job.request["limits"]["open_files"] - 16)
    link.close()
    return socket.socket(fileno=moved)


def _use_path(given: str) -> None:
    """The judge side imports nothing from a folder that the student's code writes to."""
    sys.path[:] = [entry for entry in sys.path if entry and entry != given] + [given]
    sys.path_importer_cache.pop(given, None)  # `invalidate_caches` would go through all, and copy their pages


def _keep_randomness(wanted: bool) -> Callable[[], None]:
    """A fork seeds `random` anew, and the shell numpy; a seed that the preamble set must hold on both sides.

    Returns what puts the present state back.
    """
    if not wanted:
        return lambda: None
    numpy = sys.modules.get("numpy")
    before, numpys = random.getstate(), numpy.random.get_state() if numpy else None

    def restore() -> None:
        random.setstate(before)
        if numpy is not None:
            numpy.random.set_state(numpys)

    return restore


def _ignore(number: int, frame: object) -> None:
    """An interrupt between two cells came too late; a handler, unlike SIG_IGN, is not inherited by programs."""
