"""What a warm parent and its jobs see: a root made once, and the few mounts that each job adds to its copy.

Owns the mounts of the fork sandbox. The root is the one of `private_root`: a small read-only tmpfs, the interpreter
and the system by read-only binds. A job adds one capped tmpfs for its work folder, /tmp, HOME and shared memory, and
its own /proc and terminals; the judge side adds scratch of its own and stops following symbolic links in the shared
work folder. Every mount point lies in the read-only root: code that may rename its folders must not be able to move a
mount away.
"""

from __future__ import annotations

import os
from typing import Any

from grader.sandbox import calls, parcel, private_root
from grader.sandbox.private_root import HOME, OLD, SCRATCH, WORK

GIVEN = "/sandbox/given"
SHARED_MEMORY = "/dev/shm"
TEMPORARY = "/tmp"
PLAIN = calls.MS_NOSUID | calls.MS_NODEV
PROC = PLAIN | calls.MS_NOEXEC
FOLDERS = (("work", WORK, 0o755), ("home", HOME, 0o755), ("tmp", TEMPORARY, 0o1777), ("shm", SHARED_MEMORY, 0o1777))
OWN_OF_JUDGE = FOLDERS[1:]

_binds: list[str] = []  # of the template of this process; one of them may be covered by scratch


def build_template(spec: dict[str, Any]) -> None:
    """Swap the root of this mount namespace for the one that jobs start from. Raises OSError, naming the step."""
    private_root.swap_root()
    _binds[:] = [bind["target"] for bind in spec["binds"]]
    for folder in (SCRATCH, GIVEN, WORK, HOME, TEMPORARY, "/dev/shm", "/var", "/proc"):
        os.makedirs(folder, mode=0o755, exist_ok=True)
    os.symlink("/tmp", "/var/tmp")
    private_root.fill_root(spec)
    os.mkdir("/dev/pts")
    os.symlink("pts/ptmx", "/dev/ptmx")
    calls.mount("proc", "/proc", "proc", PROC)
    calls.unmount(OLD)
    os.rmdir(OLD)
    calls.mount(None, "/", None, calls.MS_REMOUNT | calls.MS_BIND | calls.MS_RDONLY | PLAIN)


def mount_scratch(size: int, folders: tuple[tuple[str, str, int], ...] = FOLDERS) -> None:
    """A tmpfs of `size` bytes behind `folders`. What lies below one of them in the template stays in sight."""
    covered = [(target, os.open(target, os.O_PATH)) for target in _binds_below(folders)]
    calls.mount("tmpfs", SCRATCH, "tmpfs", PLAIN, f"size={size},nr_inodes=65536,mode=755")
    for name, target, mode in folders:
        source = f"{SCRATCH}/{name}"
        os.mkdir(source)
        os.chmod(source, mode)
        calls.mount(source, target, None, calls.MS_BIND)
    calls.unmount(SCRATCH)
    for target, handle in covered:
        os.makedirs(target, exist_ok=True)
        calls.mount(f"/proc/self/fd/{handle}", target, None, calls.MS_BIND | calls.MS_REC)
        os.close(handle)


def unmount_scratch() -> None:
    """Take away what `mount_scratch` put over the template."""
    for _, target, _ in FOLDERS:
        calls.unmount(target)


def _binds_below(folders: tuple[tuple[str, str, int], ...]) -> list[str]:
    tops = tuple(target + "/" for _, target, _ in folders)
    return [target for target in _binds if target.startswith(tops)]


def mount_job(size: int, files: int | None, given: int | None) -> None:
    """The mounts of a job's first process: scratch with the unpacked parcels, terminals, /proc (still writable)."""
    mount_scratch(size)
    calls.mount("devpts", "/dev/pts", "devpts", calls.MS_NOSUID | calls.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    calls.mount("proc", "/proc", "proc", PROC, "hidepid=2")
    if files is not None:
        parcel.unpack(files, WORK)
    if given is not None:
        calls.mount("tmpfs", GIVEN, "tmpfs", PLAIN, f"size={size},mode=755")
        parcel.unpack(given, GIVEN)
        calls.mount(None, GIVEN, None, calls.MS_REMOUNT | calls.MS_BIND | calls.MS_RDONLY | PLAIN)


def mount_work_side() -> None:
    """The work side's own /proc, over the job's."""
    calls.mount("proc", "/proc", "proc", PROC)


def mount_judge_side(size: int) -> None:
    """The judge side's own HOME, /tmp and shared memory; in the shared work folder no symbolic link is followed."""
    mount_scratch(size, OWN_OF_JUDGE)
    calls.stop_following_links(WORK)


def seal_proc() -> None:
    """No namespaces inside namespaces; then nothing below /proc can be written."""
    try:
        handle = os.open("/proc/sys/user/max_user_namespaces", os.O_WRONLY)
        os.write(handle, b"0")
        os.close(handle)
    except OSError:
        pass  # the filter of system calls refuses them as well
    calls.mount(None, "/proc", None, calls.MS_REMOUNT | calls.MS_BIND | calls.MS_RDONLY | PROC)
