"""The filter of system calls: what it refuses, tried from a process under it, and that ordinary work goes on."""

from __future__ import annotations

import errno
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import QUICK, job

from grader.sandbox import seccomp
from grader.sandbox.fork import ForkSandbox

pytestmark = pytest.mark.namespaces
CHECKOUT = Path(__file__).resolve().parents[2]
COLUMN = seccomp.MACHINES.index(platform.machine()) if platform.machine() in seccomp.MACHINES else None
UNDER = f"""
import ctypes, os, sys
sys.path.insert(0, {str(CHECKOUT)!r})
from grader.sandbox import calls, seccomp
calls.prctl(calls.PR_SET_NO_NEW_PRIVS, 1)
seccomp.Filter(seccomp.build_filter(OPTIONS)).install()
libc = ctypes.CDLL(None, use_errno=True)
def answer(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(a) for a in arguments))
    return 0 if result >= 0 else ctypes.get_errno()
"""


def under_filter(script: str, options: str = "") -> str:
    command = [sys.executable, "-I", "-c", UNDER.replace("OPTIONS", options) + script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def answers() -> dict[str, int]:
    """The errno of every refused call, made as root where we are root: only the filter is in the way."""
    if COLUMN is None:
        pytest.skip(f"no table of system calls for {platform.machine()}")
    numbers = {
        name: pair[COLUMN] for name, pair in (seccomp.DENIED | seccomp.ABSENT).items() if pair[COLUMN] is not None
    }
    said = under_filter(f"for name, number in {numbers!r}.items(): print(name, answer(number, 0, 0, 0, 0, 0, 0))")
    return {line.split()[0]: int(line.split()[1]) for line in said.splitlines()}


@pytest.mark.parametrize("name", list(seccomp.DENIED))
def test_a_dangerous_call_is_refused(answers: dict[str, int], name: str) -> None:
    if name not in answers:
        pytest.skip(f"{name} does not exist on {platform.machine()}")
    assert answers[name] == errno.EPERM


@pytest.mark.parametrize("name", list(seccomp.ABSENT))
def test_a_call_with_another_way_seems_not_to_exist(answers: dict[str, int], name: str) -> None:
    assert answers[name] == errno.ENOSYS


def test_no_namespace_is_made_by_clone_either() -> None:
    flags = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
    assert COLUMN is not None
    said = under_filter(f"print([answer({seccomp.CLONE[COLUMN]}, flag | 17, 0, 0, 0, 0) for flag in {flags}])")
    assert said == f"{[errno.EPERM] * len(flags)}\n"


@pytest.mark.parametrize(
    ("family", "allowed"),
    [(1, True), (2, True), (10, True), (0, False), (16, False), (17, False), (31, False), (38, False), (40, False)],
    ids=["unix", "inet", "inet6", "unspec", "netlink", "packet", "bluetooth", "alg", "vsock"],
)
def test_only_ordinary_sockets_can_be_made(family: int, allowed: bool) -> None:
    assert COLUMN is not None
    number = int(under_filter(f"print(answer({seccomp.SOCKET[COLUMN]}, {family}, 2, 0))"))
    assert (number == 0) if allowed else (number == errno.EPERM)


def test_a_kernel_may_ask_for_its_network_devices_and_for_nothing_else_by_netlink() -> None:
    assert COLUMN is not None
    said = under_filter(
        f"print([answer({seccomp.SOCKET[COLUMN]}, 16, 3, protocol) for protocol in (0, 12)], answer("
        f"{seccomp.SOCKET[COLUMN]}, 17, 3, 0), answer({seccomp.SOCKET[COLUMN]}, 2, 1, 0))",
        "routes=True",
    )
    assert said == f"[0, {errno.EPERM}] {errno.EPERM} 0\n"


def test_nothing_is_typed_into_a_terminal() -> None:
    said = under_filter(
        "import fcntl, pty\na, b = pty.openpty()\nfor request in (0x5412, 0x541C):\n    try:\n"
        "        fcntl.ioctl(b, request, b'x')\n"
        "        print('typed')\n    except OSError as error:\n        print(error.errno)\nprint(os.isatty(b))"
    )
    assert said == "1\n1\nTrue\n"


def test_other_personalities_are_refused() -> None:
    assert COLUMN is not None
    said = under_filter(
        f"print([answer({seccomp.PERSONALITY[COLUMN]}, p) for p in (0xFFFFFFFF, 0, 0x40000, 0x400000)])"
    )
    assert said == "[0, 0, 1, 1]\n"


def test_a_process_asks_for_its_own_limits_and_for_nobody_elses() -> None:
    assert COLUMN is not None
    said = under_filter(f"print([answer({seccomp.PRLIMIT[COLUMN]}, pid, 7, 0, 0) for pid in (0, 1, os.getppid())])")
    assert said == f"[0, {errno.EPERM}, {errno.EPERM}]\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is a way to call an x86_64 kernel")
def test_the_x32_numbers_do_not_exist() -> None:
    assert under_filter(f"print(answer({0x40000000 + 39}))") == f"{errno.ENOSYS}\n"


def test_threads_processes_and_programs_go_on() -> None:
    said = under_filter(
        "import subprocess, threading, multiprocessing, sqlite3\n"
        "threading.Thread(target=print, args=('thread',)).start()\n"
        "print(subprocess.run(['echo', 'program'], capture_output=True, text=True).stdout, end='')\n"
        "context = multiprocessing.get_context('fork')\n"
        "process = context.Process(target=print, args=('process',), kwargs={'flush': True})\n"
        ""
        ""
        ""
        ""
        ""
        ""
        "sys.stdout.flush()\nprocess.start()\nprocess.join()\nsqlite3.connect(':memory:').execute('select 1')"
    )
    assert said == "thread\nprogram\nprocess\n"


def test_it_is_built_for_both_machines_and_no_other() -> None:
    for machine in seccomp.MACHINES:
        code = seccomp.build_filter(machine)
        assert len(code) % 8 == 0
        assert len(code) // 8 < 4096
    with pytest.raises(OSError, match="riscv64"):
        seccomp.build_filter("riscv64")


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkSandbox]:
    sandbox = ForkSandbox()
    yield sandbox
    sandbox.close()


def test_both_sides_of_a_job_are_under_it_and_so_are_their_programs(fork: ForkSandbox) -> None:
    with job(fork, judged=True, limits=QUICK) as one:
        source = "import subprocess\nprint(subprocess.getoutput('grep Seccomp: /proc/self/status'))"
        assert one.work(source).split() == ["Seccomp:", "2"]
        assert one.judge(source).split() == ["Seccomp:", "2"]
