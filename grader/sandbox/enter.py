"""The process tree of one job: from a worker's child into the namespaces, down to the runner.

Owns three processes and refuses to outlive its worker. *Supervisor*: stays outside, writes the id maps, watches
standard input (closed by the worker, or by its death: the end). *Bridge*: has made the namespaces and waits. *Init*:
process 1 inside, builds the private root, starts the runner without privileges, reaps. When init ends, the kernel
kills everything inside. Run by a bare interpreter (`python -I -S`): standard library only.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import struct
import sys
from typing import Any

from grader.sandbox import calls, private_root, seccomp

SETUP_FAILED = 120
KILLED = 128 + signal.SIGKILL
NAMESPACES = (
    calls.CLONE_NEWUSER
    | calls.CLONE_NEWNS
    | calls.CLONE_NEWPID
    | calls.CLONE_NEWNET
    | calls.CLONE_NEWIPC
    | calls.CLONE_NEWUTS
    | calls.CLONE_NEWCGROUP
)
PAYLOAD = 3  # the runner reads its job here, and writes its records to standard output


def main() -> None:
    """Read a specification and a payload from standard input, run them, exit as the runner did."""
    spec = json.loads(_read_block())
    payload = os.memfd_create("job", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(payload), "wb") as handle:
        handle.write(_read_block())
    os.lseek(payload, 0, os.SEEK_SET)
    start = _start_in_namespaces if spec["mode"] == "namespaces" else _start_alone
    child, lifeline = start(spec, payload)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(payload)
    status = _watch(child, lifeline, spec["mode"])
    os._exit(status)


def _read_block() -> bytes:
    stream = sys.stdin.buffer
    (length,) = struct.unpack(">Q", stream.read(8))
    return stream.read(length)


def _watch(child: int, lifeline: int, mode: str) -> int:
    """Wait for `child`; when the worker lets go of standard input, end the job."""
    handle = os.pidfd_open(child)
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    poll.register(handle, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if handle in ready:
            break
        if 0 in ready and not os.read(0, 4096):
            os.close(lifeline)
            if mode == "process":
                os.killpg(child, signal.SIGKILL)
            break
    code = _exit_code(os.waitpid(child, 0)[1])
    if mode == "process":
        _kill_descendants()
    return code


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _fail(step: str, error: BaseException) -> None:
    os.write(2, f"sandbox set-up failed: {step}: {error}\n".encode(errors="replace"))
    os._exit(SETUP_FAILED)


def _start_in_namespaces(spec: dict[str, Any], payload: int) -> tuple[int, int]:
    made_read, made_write = os.pipe()
    mapped_read, mapped_write = os.pipe()
    life_read, life_write = os.pipe()
    bridge = os.fork()
    if bridge == 0:
        try:
            os.close(life_write)
            os.close(made_read)
            os.close(mapped_write)
            calls.unshare(NAMESPACES)
            os.write(made_write, b"1")
            os.close(made_write)
            if os.read(mapped_read, 1) != b"1":
                os._exit(SETUP_FAILED)
            os.close(mapped_read)
            _be_bridge(spec, payload, life_read)
        except BaseException as error:
            _fail("namespaces", error)
    os.close(made_write)
    os.close(mapped_read)
    os.close(life_read)
    if os.read(made_read, 1) == b"1":
        try:
            _write_maps(bridge, spec)
            os.write(mapped_write, b"1")
        except OSError as error:
            os.kill(bridge, signal.SIGKILL)
            os.waitpid(bridge, 0)
            _fail("user namespace map", error)
    os.close(made_read)
    os.close(mapped_write)
    return bridge, life_write


def _write_maps(pid: int, spec: dict[str, Any]) -> None:
    """Map the job's uid and gid. As root a second, unprivileged id of the host stands behind them."""
    if spec["outer_uid"] is None:
        _write(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/uid_map", f"{spec['uid']} {os.geteuid()} 1")
        _write(f"/proc/{pid}/gid_map", f"{spec['gid']} {os.getegid()} 1")
    else:
        _write(f"/proc/{pid}/uid_map", f"0 0 1\n{spec['uid']} {spec['outer_uid']} 1")
        _write(f"/proc/{pid}/gid_map", f"0 0 1\n{spec['gid']} {spec['outer_uid']} 1")


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _be_bridge(spec: dict[str, Any], payload: int, lifeline: int) -> None:
    """Start init as the first process of the new pid namespace, and end as it does."""
    init = os.fork()
    if init == 0:
        try:
            _be_init(spec, payload, lifeline)
        except BaseException as error:
            _fail("private root", error)
    os.close(lifeline)
    os.close(payload)
    os.dup2(2, 1)
    os._exit(_exit_code(os.waitpid(init, 0)[1]))


def _be_init(spec: dict[str, Any], payload: int, lifeline: int) -> None:
    calls.bring_up_loopback()
    calls.set_hostname("sandbox")
    if spec["outer_uid"] is not None:
        os.setgroups([])
    private_root.build_root(spec)
    runner = os.fork()
    if runner == 0:
        try:
            os.close(lifeline)
            os.setsid()
            _become_nobody(spec)
            seccomp.Filter(seccomp.build_filter(routes=True)).install()
            os.chdir(private_root.WORK)
            _execute(spec, payload)
        except BaseException as error:
            _fail("runner", error)
    os.dup2(2, 1)
    os.close(payload)
    _become_nobody(spec)
    calls.prctl(calls.PR_SET_DUMPABLE, 0)
    try:
        _reap(runner, lifeline)
    except BaseException:
        os._exit(KILLED)  # the job was under way: whatever went wrong here, it is no failure to set it up


def _become_nobody(spec: dict[str, Any]) -> None:
    calls.drop_bounding_set()
    os.setresgid(spec["gid"], spec["gid"], spec["gid"])
    os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    calls.drop_capabilities()


def _reap(runner: int, lifeline: int) -> None:
    """Be process 1: collect the dead until the runner has ended, or the supervisor is gone."""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN | select.POLLHUP)
    poll.register(os.pidfd_open(runner), select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(1000)}
        if lifeline in ready:
            os._exit(KILLED)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                os._exit(KILLED)
            if pid == runner:
                os._exit(_exit_code(status))
            if pid == 0:
                break


def _start_alone(spec: dict[str, Any], payload: int) -> tuple[int, int]:
    """The process sandbox: limits, a process group of its own, and nothing more."""
    calls.prctl(calls.PR_SET_CHILD_SUBREAPER, 1)
    life_read, life_write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(life_read)
            os.close(life_write)
            os.setsid()
            calls.prctl(calls.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.chdir(spec["work"])
            _execute(spec, payload)
        except BaseException as error:
            _fail("runner", error)
    os.close(life_read)
    return child, life_write


def _kill_descendants() -> None:
    """Kill what detached itself: as subreaper we are its parent now."""
    while True:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as handle:
                children = [int(word) for word in handle.read().split()]
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)
        except (ChildProcessError, ProcessLookupError):
            return


def _execute(spec: dict[str, Any], payload: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    if payload == PAYLOAD:
        os.set_inheritable(payload, True)
    else:
        os.dup2(payload, PAYLOAD)
    os.closerange(PAYLOAD + 1, 4096)
    limit_process(spec["limits"])
    lower_limit(resource.RLIMIT_NOFILE, spec["limits"]["open_files"])
    lower_limit(resource.RLIMIT_NPROC, spec["limits"]["processes"])
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(spec["program"][0], spec["program"], spec["environment"])


def limit_process(limits: dict[str, int]) -> None:
    """Limit this process and those it starts; how many it may start, and open, are limits of their own."""
    lower_limit(resource.RLIMIT_AS, limits["address_space"])
    lower_limit(resource.RLIMIT_FSIZE, limits["file_size"])
    lower_limit(resource.RLIMIT_CPU, limits["cpu"])
    lower_limit(resource.RLIMIT_CORE, 0)
    lower_limit(resource.RLIMIT_MEMLOCK, 1024 * 1024)
    lower_limit(resource.RLIMIT_MSGQUEUE, 0)


def lower_limit(kind: int, value: int) -> None:
    """Set a limit for good, to `value` or to what is left of it."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
