"""The system call filter of sandboxed code: a deny list in classic BPF, built here without any library.

Owns which calls student code may not make. Namespaces already leave most of them without power; the filter takes away
the kernel code behind them, where holes are found (the idea and most of the list are Docker's default profile's:
https://docs.docker.com/engine/security/seccomp/). A denied call fails with EPERM, or with ENOSYS where a program should
believe that the kernel is too old and take another way. Standard library only; x86_64 and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000
MACHINES = ("x86_64", "aarch64")

DENIED: dict[str, tuple[int | None, int | None]] = {
    # mounts and roots: nothing inside may change what is seen
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # namespaces: user namespaces hand out capabilities, and with them most of the kernel's attack surface
    "unshare": (272, 97),
    "setns": (308, 268),
    # other processes' memory and descriptors
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # kernel code loaded, replaced or programmed
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, None),
    "query_module": (178, None),
    "get_kernel_syms": (177, None),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    # keys don't know namespaces: they would be shared between jobs of one user
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # file handles reach past a mount's root
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # the machine's own state
    "reboot": (169, 142),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "_sysctl": (156, None),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "vmsplice": (278, 75),
    "mbind": (237, 235),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
}
ABSENT: dict[str, tuple[int | None, int | None]] = {
    # clone3 keeps its flags in memory, where a filter can't look: glibc falls back to clone
    "clone3": (435, 435),
    # io_uring makes calls that no filter sees
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
CLONE = (56, 220)
SOCKET = (41, 198)
SOCKETPAIR = (53, 199)
IOCTL = (16, 29)
PERSONALITY = (135, 92)
PRLIMIT = (302, 261)
NEW_NAMESPACES = 0x7E020080  # CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: the rest is old, or talks to the kernel
TERMINAL_TRICKS = (0x5412, 0x541C)  # TIOCSTI types into a terminal, TIOCLINUX pastes into a console
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)  # Docker's: Linux, 32 bits, UNAME26, both, "which is it?"

LOAD, JUMP_EQUAL, JUMP_ABOVE, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
UNKNOWN = 0x00050000 | errno.ENOSYS
KILL = 0x80000000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
SECCOMP_SET_MODE_FILTER = 1
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}


_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def build_filter(machine: str | None = None, *, routes: bool = False) -> bytes:
    """The filter as BPF instructions for `machine` (default: this one). Raises OSError where it isn't known.

    With `routes` a process may ask for its network devices: ZeroMQ, which kernels talk by, can't listen without.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"seccomp: no table of system calls for {machine}")
    column = MACHINES.index(machine)
    code = [
        _line(LOAD, ARCHITECTURE),
        _line(JUMP_EQUAL, AUDIT_ARCH[machine], 1, 0),
        _line(RETURN, KILL),  # 32-bit calls have numbers of their own
        _line(LOAD, NUMBER),
    ]
    if machine == "x86_64":
        code += [_line(JUMP_ABOVE, X32_BIT, 0, 1), _line(RETURN, UNKNOWN)]
    for answer, calls in ((REFUSE, DENIED), (UNKNOWN, ABSENT)):
        for numbers in calls.values():
            number = numbers[column]
            if number is not None:
                code += [_line(JUMP_EQUAL, number, 0, 1), _line(RETURN, answer)]
    code += _only(SOCKET[column], 0, FAMILIES, ROUTES if routes else ())
    code += _only(SOCKETPAIR[column], 0, FAMILIES)
    code += _only(PERSONALITY[column], 0, PERSONALITIES)
    code += _only(PRLIMIT[column], 0, (0,))  # its own limits: those of the processes around it have the same user
    code += _never(IOCTL[column], 1, TERMINAL_TRICKS)
    code += _when(
        CLONE[column], [_argument(0), _line(AND, NEW_NAMESPACES), _line(JUMP_EQUAL, 0, 1, 0), _line(RETURN, REFUSE)]
    )
    return b"".join([*code, _line(RETURN, ALLOW)])


class Filter:
    """A filter that is ready to be put over processes: made once, in the parent of many forks."""

    def __init__(self, code: bytes) -> None:
        """`code`: BPF instructions, as `build_filter` makes them."""
        self._code = ctypes.create_string_buffer(code, len(code))
        self._program = _Program(len(code) // 8, ctypes.addressof(self._code))
        self._call = ctypes.c_long(SYS_SECCOMP[platform.machine()])
        self._arguments = (ctypes.c_ulong(SECCOMP_SET_MODE_FILTER), ctypes.c_ulong(0), ctypes.byref(self._program))

    def install(self) -> None:
        """Put the filter over this process and its children, for good. Needs no_new_privs."""
        if _libc.syscall(self._call, *self._arguments) != 0:
            problem = ctypes.get_errno()
            raise OSError(problem, f"seccomp: {os.strerror(problem)}")


def _line(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _argument(place: int) -> bytes:
    """Load the low half of an argument: all that is looked at here are ints."""
    return _line(LOAD, ARGUMENTS + 8 * place)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """`body` for one system call; then it is allowed."""
    return [_line(JUMP_EQUAL, number, 0, len(body) + 1), *body, _line(RETURN, ALLOW)]


def _only(number: int, place: int, values: tuple[int, ...], first: tuple[bytes, ...] = ()) -> list[bytes]:
    """Refuse a call whose argument is none of `values`, unless the instructions `first` have allowed it."""
    last = len(values)
    tests = [_line(JUMP_EQUAL, value, last - index, 0) for index, value in enumerate(values)]
    return _when(number, [_argument(place), *first, *tests, _line(RETURN, REFUSE)])


def _never(number: int, place: int, values: tuple[int, ...]) -> list[bytes]:
    """Refuse a call whose argument is one of `values`."""
    tests = [part for value in values for part in (_line(JUMP_EQUAL, value, 0, 1), _line(RETURN, REFUSE))]
    return _when(number, [_argument(place), *tests])


ROUTES = (  # AF_NETLINK, of its protocols only NETLINK_ROUTE
    _line(JUMP_EQUAL, 16, 0, 4),
    _argument(2),
    _line(JUMP_EQUAL, 0, 1, 0),
    _line(RETURN, REFUSE),
    _line(RETURN, ALLOW),
)
