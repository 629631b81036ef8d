"""A warm parent: an interpreter that has imported what notebooks need, and forks itself for every job.

Owns its namespaces and the root that jobs start from; runs no code of any notebook, and has no thread. Started as a
bare child of the worker with a socket as descriptor 0. It ends when that socket closes, so with the worker; as the
first process of a pid namespace it takes all jobs along. Refuses to serve when a step of its set-up fails, and says
which.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from typing import Any

from grader.sandbox import calls, control, job_root, parcel, seccomp
from grader.sandbox.kept_modules import keep_modules
from grader.sandbox.warm_memory import WarmMemory

NAMESPACES = (
    calls.CLONE_NEWUSER
    | calls.CLONE_NEWNS
    | calls.CLONE_NEWNET
    | calls.CLONE_NEWIPC
    | calls.CLONE_NEWUTS
    | calls.CLONE_NEWCGROUP
)
INNER_ID = 1000
OWN_SCRATCH = 64 * 1024 * 1024


def main() -> None:
    """Read a specification from descriptor 0, get ready, serve jobs until the worker closes it."""
    memory = WarmMemory()
    channel = socket.socket(fileno=os.dup(0))
    try:
        spec, descriptors = control.receive_with(channel)
        step = "namespaces"
        try:
            _load_everything()
            if spec["mode"] == "namespaces":
                _isolate(spec, channel)
            step = "imports"
            ready = Parent(spec, channel, descriptors[0] if descriptors else None)
            memory.settle()
            gc.freeze()  # a collection in a fork would write to, and so copy, every page
        except (OSError, ImportError) as error:
            control.send_with(channel, {"failed": f"{step}: {error}"}, [])
            os._exit(1)
        control.send_with(channel, {"op": "ready", "missing": ready.missing, "threads": _threads()}, [])
        ready.serve()
    except control.ChannelClosed:
        os._exit(0)


def _isolate(spec: dict[str, Any], channel: socket.socket) -> None:
    """Go on as the first process of a new pid namespace, as an ordinary user, in a root of its own."""
    as_root = os.geteuid() == 0
    uid, gid = os.geteuid(), os.getegid()
    if as_root:
        calls.unshare(calls.CLONE_NEWNS | calls.CLONE_NEWPID)
    else:
        calls.unshare(NAMESPACES | calls.CLONE_NEWPID)
        calls.map_own_id(INNER_ID, uid, gid)
    pid = os.fork()
    if pid:
        channel.close()
        os.close(0)
        os.waitpid(pid, 0)
        os._exit(0)
    calls.prctl(calls.PR_SET_PDEATHSIG, signal.SIGKILL)
    job_root.build_template(spec)
    if as_root:
        uid = gid = spec["outer_uid"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        calls.prctl(calls.PR_SET_DUMPABLE, 1)
        calls.prctl(calls.PR_SET_PDEATHSIG, signal.SIGKILL)  # forgotten when the user changes
        calls.unshare(NAMESPACES)
        calls.map_own_id(INNER_ID, uid, gid)
    job_root.mount_scratch(OWN_SCRATCH)


def _load_everything() -> None:
    """The campus's own modules are out of sight once the root is swapped."""
    importlib.import_module("grader.sandbox.inside")
    importlib.import_module("grader.watch.serving")
    keep_modules("grader.judge")


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


class Parent:
    """The interpreter that jobs are forks of."""

    def __init__(self, spec: dict[str, Any], channel: socket.socket, home: int | None) -> None:
        from grader.sandbox.inside import become_job
        from grader.sandbox.shell import Shell

        self.become_job = become_job
        self.isolated = spec["mode"] == "namespaces"
        self.channel = channel
        self.jobs: dict[int, int] = {}
        self.filter = seccomp.Filter(seccomp.build_filter()) if self.isolated else None
        os.environ.clear()
        os.environ.update(spec["environment"])
        if home is not None:
            parcel.unpack(home, os.environ["HOME"])
            os.close(home)
        os.chdir(os.environ["HOME"])
        sys.path[:] = [entry for entry in sys.path if entry not in ("", spec["package_root"])]
        self.missing = [name for name in spec["imports"] if not _import(name)]
        self.shell = Shell()
        importlib.import_module("grader.judge.judge").warm_up()
        self.shell.warm_up(importlib.import_module("grader.judge.rehearsal").rehearse)
        os.chdir("/")
        if self.isolated:
            job_root.unmount_scratch()
            calls.drop_bounding_set()
            calls.drop_capabilities()
        else:
            calls.prctl(calls.PR_SET_CHILD_SUBREAPER, 1)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.close(null)
        gc.collect()

    def serve(self) -> None:
        """Fork for every request; reap. Raises ChannelClosed."""
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        while True:
            for handle, _ in poll.poll():
                if handle == self.channel.fileno():
                    made = self._start_job()
                    if made is not None:
                        poll.register(made, select.POLLIN)
                else:
                    poll.unregister(handle)
                    os.waitpid(self.jobs.pop(handle), 0)
                    os.close(handle)
                    if not self.isolated:
                        self._kill_orphans()

    def _start_job(self) -> int | None:
        """Fork; a descriptor of the new process, None when it couldn't be made."""
        request, descriptors = control.receive_with(self.channel)
        try:
            pid = calls.fork_into(self._namespaces()) if self.isolated else os.fork()
            if pid == 0:
                self.become_job(request, self.shell, self.filter, descriptors)
        except OSError as error:
            with socket.socket(fileno=os.dup(descriptors[0])) as main, contextlib.suppress(control.ChannelClosed):
                control.send_with(main, {"failed": f"fork: {error}"}, [])
            return None
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        handle = os.pidfd_open(pid)
        self.jobs[handle] = pid
        return handle

    @staticmethod
    def _namespaces() -> int:
        from grader.sandbox.inside import NAMESPACES as OF_JOB

        return OF_JOB

    def _kill_orphans(self) -> None:
        """Without namespaces: what a dead job left behind has become our child."""
        known = set(self.jobs.values())
        while True:
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as handle:
                orphans = [int(word) for word in handle.read().split() if int(word) not in known]
            if not orphans:
                return
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _import(name: str) -> bool:
    """Whether a module could be imported; one that ends the interpreter or fails is left to the job."""
    try:
        importlib.import_module(name)
    except (Exception, SystemExit):
        return False
    return True
