"""The private root of a sandboxed job: what it can see, and nothing else.

Owns the mounts. Called inside fresh user and mount namespaces by `enter`; standard library only. The root itself is a
small tmpfs that ends up read-only; the interpreter comes in by read-only binds; one tmpfs with a size cap holds the
work folder, /tmp, HOME and shared memory.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import Any

from grader.sandbox import calls

OLD = "/.old"
SCRATCH = "/.scratch"
WORK = "/sandbox/work"
HOME = "/sandbox/home"
DEVICES = ("null", "zero", "full", "random", "urandom")
STAGES = ("/tmp", "/var/tmp", "/mnt", "/run")  # any folder that exists: a mount covers it for us alone


def build_root(spec: dict[str, Any]) -> None:
    """Swap this mount namespace's root for the one `spec` describes. Raises OSError, naming the step."""
    swap_root()
    _mount_scratch(spec["limits"]["scratch"], spec["uid"], spec["gid"])  # first: an interpreter may live below /tmp
    fill_root(spec)
    _mount_terminals()
    _mount_proc()
    if spec["files"]:
        _copy_files(OLD + spec["files"], WORK, spec["uid"], spec["gid"])
    if spec["home"]:
        _copy_files(OLD + spec["home"], HOME, spec["uid"], spec["gid"])
    calls.unmount(OLD)
    os.rmdir(OLD)
    calls.mount(None, "/", None, calls.MS_REMOUNT | calls.MS_BIND | calls.MS_RDONLY | calls.MS_NOSUID | calls.MS_NODEV)


def swap_root() -> None:
    """Make an empty tmpfs the root; the old one lies below OLD."""
    calls.mount(None, "/", None, calls.MS_REC | calls.MS_PRIVATE)
    stage = next(folder for folder in STAGES if os.path.isdir(folder))
    calls.mount("tmpfs", stage, "tmpfs", calls.MS_NOSUID | calls.MS_NODEV, "size=8m,mode=755")
    os.mkdir(stage + OLD, 0o700)
    try:
        calls.pivot_root(stage, stage + OLD)
    except PermissionError:
        _cover_root(stage)
    os.chdir("/")


def _cover_root(stage: str) -> None:
    """Put `stage` over the root, for where a filter of system calls lets mount and not swap, as Docker's does.

    The old root stays below, where only a right that is given up before anybody's code runs would lead back to.
    """
    calls.mount("/", stage + OLD, None, calls.MS_BIND | calls.MS_REC)
    os.chdir(stage)
    calls.mount(stage, "/", None, calls.MS_MOVE)
    os.chroot(".")


def fill_root(spec: dict[str, Any]) -> None:
    """Put the interpreter, the system, a few files of /etc and harmless devices into the new root."""
    for bind in spec["binds"]:
        _bind_read_only(OLD + bind["source"], bind["target"])
    for link in spec["links"]:
        if not os.path.lexists(link["path"]):
            os.makedirs(os.path.dirname(link["path"]), exist_ok=True)
            os.symlink(link["to"], link["path"])
    for path in spec["masks"]:
        if os.path.isdir(path):
            calls.mount("tmpfs", path, "tmpfs", calls.MS_NOSUID | calls.MS_NODEV, "size=4k,mode=555")
            calls.make_read_only(path)
    _write_etc(spec["etc"])
    _mount_devices()


def _place(target: str, folder: bool) -> None:
    if os.path.lexists(target):
        return
    if folder:
        os.makedirs(target, mode=0o755)
    else:
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def _bind_read_only(source: str, target: str) -> None:
    _place(target, os.path.isdir(source))
    calls.mount(source, target, None, calls.MS_BIND | calls.MS_REC)
    calls.make_read_only(target)


def _write_etc(files: dict[str, str]) -> None:
    os.makedirs("/etc", exist_ok=True)
    for name, content in files.items():
        with open(f"/etc/{name}", "w", encoding="utf-8") as handle:
            handle.write(content)


def _mount_devices() -> None:
    for name in DEVICES:
        _place(f"/dev/{name}", folder=False)
        calls.mount(f"{OLD}/dev/{name}", f"/dev/{name}", None, calls.MS_BIND)
    for name, to in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(to, f"/dev/{name}")


def _mount_terminals() -> None:
    os.mkdir("/dev/pts")
    calls.mount("devpts", "/dev/pts", "devpts", calls.MS_NOSUID | calls.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    os.symlink("pts/ptmx", "/dev/ptmx")


def _mount_proc() -> None:
    flags = calls.MS_NOSUID | calls.MS_NODEV | calls.MS_NOEXEC
    os.mkdir("/proc", 0o555)
    calls.mount("proc", "/proc", "proc", flags)
    try:
        with open("/proc/sys/user/max_user_namespaces", "w", encoding="ascii") as handle:
            handle.write("0")  # no namespaces inside namespaces
    except OSError:
        pass  # the layer is reported as missing by the probe
    calls.mount(None, "/proc", None, calls.MS_REMOUNT | calls.MS_BIND | calls.MS_RDONLY | flags)


def _mount_scratch(size: int, uid: int, gid: int) -> None:
    flags = calls.MS_NOSUID | calls.MS_NODEV
    os.mkdir(SCRATCH)
    calls.mount("tmpfs", SCRATCH, "tmpfs", flags, f"size={size},nr_inodes=65536,mode=755")
    for name, target, mode in (("work", WORK, 0o755), ("tmp", "/tmp", 0o1777), ("home", HOME, 0o755)):
        _scratch_folder(name, target, mode, uid, gid, flags)
    _scratch_folder("shm", "/dev/shm", 0o1777, uid, gid, flags)
    calls.unmount(SCRATCH)
    os.rmdir(SCRATCH)
    os.makedirs("/var", exist_ok=True)
    if not os.path.lexists("/var/tmp"):
        os.symlink("/tmp", "/var/tmp")


def _scratch_folder(name: str, target: str, mode: int, uid: int, gid: int, flags: int) -> None:
    source = f"{SCRATCH}/{name}"
    os.mkdir(source)
    os.chmod(source, mode)
    os.chown(source, uid, gid)
    _place(target, folder=True)
    calls.mount(source, target, None, calls.MS_BIND)


def _copy_files(source: str, target: str, uid: int, gid: int) -> None:
    """Copy plain files and folders; links and devices stay behind."""
    for folder, _, names in os.walk(source):
        inner = os.path.normpath(os.path.join(target, os.path.relpath(folder, source)))
        if inner != target:
            os.mkdir(inner, 0o755)
            os.chown(inner, uid, gid)
        for name in names:
            path = os.path.join(folder, name)
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            copy = os.path.join(inner, name)
            shutil.copyfile(path, copy, follow_symlinks=False)
            os.chmod(copy, 0o755 if os.lstat(path).st_mode & 0o100 else 0o644)
            os.chown(copy, uid, gid)
