"""System calls the standard library doesn't offer: namespaces, mounts, capabilities. Owns no policy. Linux only.

Imported by a bare interpreter (`python -I -S`): standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import signal
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_NOSYMFOLLOW = 0x100
MS_PRIVATE = 0x40000
MS_RELATIME = 0x200000
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOSYMFOLLOW = 0x200000
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
SYS_MOUNT_SETATTR = 442  # the same number on every architecture

SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITIES = (1 << 8 | 1 << 12 | 1 << 21, 0)  # to drop the bounding set, raise the loopback, mount

SYS_CLONE = {"x86_64": 56, "aarch64": 220}

_libc = ctypes.CDLL(None, use_errno=True)
_python = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock: a fork must


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def fork_into(namespaces: int) -> int:
    """os.fork, with the child as the first process of new `namespaces`. Only for a process of one thread.

    A fork and an unshare would take two forks, since a pid namespace is entered by children alone.
    """
    number = SYS_CLONE.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"clone: not known on {platform.machine()}")
    zero = ctypes.c_long(0)
    _python.PyOS_BeforeFork()
    flags = ctypes.c_ulong(namespaces | signal.SIGCHLD)
    pid = int(_python.syscall(ctypes.c_long(number), flags, zero, zero, zero, zero))
    if pid == 0:
        _python.PyOS_AfterFork_Child()
        return 0
    problem = ctypes.get_errno()
    _python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(problem, f"clone: {os.strerror(problem)}")
    return pid


def map_own_id(inner: int, uid: int, gid: int) -> None:
    """In a user namespace just made by an ordinary user with `uid` and `gid`: be `inner` in it, and map nobody else."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inner} {uid} 1"), ("gid_map", f"{inner} {gid} 1")):
        handle = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(handle, text.encode())
        finally:
            os.close(handle)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    result = _libc.mount(_bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags), _bytes(data))
    _check(result, f"mount {kind or source or ''} on {target}")


def unmount(target: str) -> None:
    _check(_libc.umount2(_bytes(target), ctypes.c_int(MNT_DETACH)), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    number = SYS_PIVOT_ROOT.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"pivot_root: not known on {platform.machine()}")
    _check(_libc.syscall(ctypes.c_long(number), _bytes(new), _bytes(old)), "pivot_root")


def make_read_only(target: str) -> None:
    """Make the mount at `target`, and those below it, read-only, without devices and set-uid programs."""
    if not _set_attributes(target, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, AT_RECURSIVE):
        kept = os.statvfs(target).f_flag & (MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)
        mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | kept)


def stop_following_links(target: str) -> None:
    """From now on no symbolic link in the mount at `target` leads anywhere (kernels before 5.10 can't: OSError)."""
    if not _set_attributes(target, MOUNT_ATTR_NOSYMFOLLOW, 0):
        mount(None, target, None, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOSYMFOLLOW)


def _set_attributes(target: str, attributes: int, flags: int) -> bool:
    """Set attributes of a mount; False where the kernel is too old to do it this way."""
    data = struct.pack("=QQQQ", attributes, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        _bytes(target),
        ctypes.c_uint(flags),
        data,
        ctypes.c_size_t(len(data)),
    )
    if result == 0:
        return True
    if ctypes.get_errno() not in (errno.ENOSYS, errno.EINVAL):  # before 5.12; before 5.14 some attributes are unknown
        _check(result, f"mount_setattr {target}")
    return False


def prctl(option: int, first: int = 0) -> int:
    zero = ctypes.c_ulong(0)
    return int(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(first), zero, zero, zero))


def set_hostname(name: str) -> None:
    raw = name.encode()
    _check(_libc.sethostname(raw, ctypes.c_size_t(len(raw))), "sethostname")


def bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def drop_bounding_set() -> None:
    """No program started from here on can gain a capability."""
    capability = 0
    while prctl(PR_CAPBSET_DROP, capability) == 0:
        capability += 1


def drop_capabilities() -> None:
    """Give up every capability of this process, for good."""
    _libc.prctl(
        ctypes.c_int(PR_CAP_AMBIENT),
        ctypes.c_ulong(PR_CAP_AMBIENT_CLEAR_ALL),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
    )
    _set_capabilities([0] * 6)
    _check(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")


def lay_down_capabilities() -> None:
    """Act without any capability, and keep the right to take them up again."""
    _set_capabilities([0, CAPABILITIES[0], 0, 0, CAPABILITIES[1], 0])


def take_up_capabilities() -> None:
    """Act with what was laid down."""
    low, high = CAPABILITIES
    _set_capabilities([low, low, 0, high, high, 0])


def _set_capabilities(sets: list[int]) -> None:
    """Effective, permitted and inheritable: first their low halves, then their high ones."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, struct.pack("=6I", *sets)), "capset")
