"""One side of a job, from inside its container: the first process, and the interpreter that runs the cells.

Owns what the fork sandbox's `inside` owns there: the order in which a side gets ready, and its loop. A judged job has
two containers. Both run the preamble, from one seed: first the judge side, which then empties the work folder that they
share, then the work side, from its own files. A socket that exists in that folder for a moment joins them; after that
nothing listens anywhere. Standard library only.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import importlib
import os
import platform
import random
import shutil
import signal
import socket
import struct
import sys
from typing import Any

from grader.judge.given import GivenFiles
from grader.judge.judge import JudgeSide, warm_up
from grader.judge.work import WorkSide
from grader.sandbox import calls, control, parcel, seccomp
from grader.sandbox.loop import Loop
from grader.sandbox.shell import MODULE_DOC, Shell

WORK, HOME, GIVEN = "/sandbox/work", "/sandbox/home", "/sandbox/given"
JOIN_WITHIN = 30.0
WATCHING = "grader.watch.serving"
LINKING = {"x86_64": (88, 266), "aarch64": (36,)}  # symlink, symlinkat


def main(spec: dict[str, Any], channel: socket.socket, modules: dict[str, str]) -> None:
    """Serve as the side that `spec` describes. Never returns."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    channel = _far_up(channel, spec)
    try:
        importlib.import_module(WATCHING)
        for name in [name for name in modules if name.startswith(WATCHING.rpartition(".")[0])]:
            del modules[name]  # imported, and found by nobody from now on
        _serve(spec, channel)
    except control.ChannelClosed:
        pass
    except BaseException as error:
        with contextlib.suppress(control.ChannelClosed):
            control.send(channel, {"failed": f"{type(error).__name__}: {error}"})
    os._exit(0)


def _serve(spec: dict[str, Any], channel: socket.socket) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, _ignore)
    os.environ.pop("PYTHONHASHSEED", None)
    os.chdir(HOME)
    shell = Shell()  # before the imports: it says which backend matplotlib takes
    shell.shell.user_module.__doc__ = MODULE_DOC
    missing = [name for name in spec["imports"] if not _import(name)]
    warm_up()
    os.chdir(WORK)
    _close_in(links=not spec["judged"])
    control.send(channel, {"op": "ready", "python": platform.python_version(), "missing": missing})
    _take_parcels(channel)
    shell.after_fork()
    if not spec["judged"]:
        control.send(channel, {"op": "begun"})
        Loop(channel, shell).serve()
        return
    place = sys.path.index("")
    _use_path(GIVEN)
    if spec["seed"] is not None:
        _seed(spec["seed"])
    control.send(channel, {"op": "begun"})
    Loop(channel, shell).serve(until="split")
    (_lead_judge if spec["side"] == "judge" else _lead_work)(spec, channel, shell, place)


def _lead_judge(spec: dict[str, Any], channel: socket.socket, shell: Shell, place: int) -> None:
    _empty(WORK)
    control.send(channel, {"op": "split"})
    control.receive(channel)
    path = f"{WORK}/{spec['link']}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        control.send(channel, {"op": "listening"})
        listener.settimeout(JOIN_WITHIN)
        link, _ = listener.accept()
    os.unlink(path)
    _use_path(GIVEN)
    files = GivenFiles(GIVEN, WORK) if spec["given"] else None
    judge = JudgeSide(_far_up(link, spec), shell, files)
    control.send(channel, {"op": "ready"})
    Loop(channel, shell, judge=judge).serve()


def _lead_work(spec: dict[str, Any], channel: socket.socket, shell: Shell, place: int) -> None:
    control.send(channel, {"op": "split"})
    control.receive(channel)
    link = socket.socket(socket.AF_UNIX)
    link.connect(f"{WORK}/{spec['link']}")
    with contextlib.suppress(ValueError):
        sys.path.remove(GIVEN)
    sys.path.insert(place, "")
    link = _far_up(link, spec)
    work = WorkSide(link, shell)
    control.send(channel, {"op": "ready"})
    Loop(channel, shell, work=work, link=link).serve()


def _take_parcels(channel: socket.socket) -> None:
    """Unpack the folders that come in pieces, until the worker says that it was all."""
    while (message := control.receive(channel))["op"] == "parcel":
        handle = os.memfd_create("files", os.MFD_CLOEXEC)
        try:
            for _ in range(message["pieces"]):
                piece = memoryview(base64.b64decode(control.receive(channel)["data"]))
                while piece:
                    piece = piece[os.write(handle, piece) :]
            parcel.unpack(handle, {"work": WORK, "given": GIVEN}[message["folder"]])
        finally:
            os.close(handle)


def _close_in(*, links: bool) -> None:
    """The project's filter of system calls, over the engine's own.

    Without `links` no symbolic link can be made: in a folder shared with the judge side it would be followed there.
    """
    calls.prctl(calls.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.Filter(seccomp.build_filter()).install()
    if not links:
        seccomp.Filter(_no_links(platform.machine())).install()


def _no_links(machine: str) -> bytes:
    """A filter that refuses symbolic links, to stand beside the one that looks at the architecture."""
    code = [struct.pack("=HBBI", seccomp.LOAD, 0, 0, seccomp.NUMBER)]
    for number in LINKING[machine]:
        code += [
            struct.pack("=HBBI", seccomp.JUMP_EQUAL, 0, 1, number),
            struct.pack("=HBBI", seccomp.RETURN, 0, 0, 0x00050000 | errno.EPERM),
        ]
    return b"".join([*code, struct.pack("=HBBI", seccomp.RETURN, 0, 0, seccomp.ALLOW)])


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def _seed(seed: str) -> None:
    """Both sides begin the preamble with the same random numbers, as two forks of one process would."""
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(random.getrandbits(32))


def _use_path(given: str) -> None:
    """Nothing is imported from a folder that the student's code writes to."""
    sys.path[:] = [entry for entry in sys.path if entry and entry != given] + [given]
    importlib.invalidate_caches()


def _far_up(link: socket.socket, spec: dict[str, Any]) -> socket.socket:
    """The link where no code of a notebook expects a descriptor."""
    moved = fcntl.fcntl(link.fileno(), fcntl.F_DUPFD_CLOEXEC, spec["open_files"] - 16)
    link.close()
    return socket.socket(fileno=moved)


def _import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit):
        return False
    return True


def _ignore(number: int, frame: object) -> None:
    """An interrupt between two cells came too late."""
