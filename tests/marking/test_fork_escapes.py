"""What a student's code tries from inside a forked job; after every try the same warm parent does the next job."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from forked import MIB, QUICK, errors, job, unaffected

from grader.sandbox.base import CellCode, Ending, Side, SideEnded
from grader.sandbox.fork import ForkSandbox

pytestmark = pytest.mark.namespaces
NO_HELP = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ForkSandbox]:
    sandbox = ForkSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def fork(sandbox: ForkSandbox) -> Iterator[ForkSandbox]:
    """The sandbox; afterwards the same warm parent must do another job as if nothing had happened."""
    check: Callable[[], None] = unaffected(sandbox)
    yield sandbox
    check()


def test_the_work_side_sees_nothing_of_the_judge_side(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        one.judge("secret = 'geheim-4711'\nimport subprocess\nsleeper = subprocess.Popen(['sleep', '60'])")
        seen = one.work(
            "import os\nprint(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()), os.getppid())\n"
            "for pid in set(range(200)) - {int(n) for n in os.listdir('/proc/self/task')} - {0}:\n    try:\n"
            "        os.kill(pid, 0)\n        print('FOUND', pid)\n"
            "    except ProcessLookupError:\n        pass"
        )
        assert seen == "[1] 0\n"
        one.work("import os, signal\ntry:\n    os.kill(-1, signal.SIGKILL)\nexcept OSError:\n    pass")
        assert one.judge("print(sleeper.poll(), secret)") == "None geheim-4711\n"


def test_the_work_side_holds_its_own_descriptors_only(fork: ForkSandbox) -> None:
    """Its control channel, its end of the link, the shell's pipes and event loop: all were made after the fork."""
    with job(fork, judged=True) as one:
        seen = one.work(
            "import os, socket, stat\nsockets = []\nfor name in os.listdir('/proc/self/fd'):\n    try:\n"
            "        if stat.S_ISSOCK(os.fstat(int(name)).st_mode):\n            sockets.append(int(name))\n"
            "    except OSError:\n        pass\nprint(len([n for n in sockets if n > 900]), "
            "[n for n in sockets if n <= 900 and os.get_inheritable(n)])"
        )
        assert seen == "2 []\n"
        assert one.work("import subprocess\nprint(subprocess.getoutput('ls /proc/self/fd'))").split() == [
            "0",
            "1",
            "2",
            "3",
        ]


def test_the_judge_sides_tests_are_never_in_the_work_sides_memory(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        one.judge("expected = 'geheim-' + str(4711)")
        source = (
            "found = 0\nneedle = b'geheim-' + b'%d' % 4711\nfor line in open('/proc/self/maps'):\n"
            "    start, end = (int(part, 16) for part in line.split()[0].split('-'))\n"
            "    if line.split()[1].startswith('rw'):\n        import ctypes\n"
            "        data = ctypes.string_at(start, end - start)\n        found += data.count(needle)\n"
            "        own = id(needle)\n        found -= start <= own < end\n        del data\n    \nprint(found)"
        )
        assert int(one.work(source)) <= 0


def test_the_host_is_out_of_sight(fork: ForkSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradebook = tmp_path / "gradebook.db"
    gradebook.write_text("geheim-4711")
    monkeypatch.setenv("BITGOEUL_PORTAL_TOKEN", "geheim-4711")
    checkout = Path(__file__).resolve().parents[2]
    with job(fork, judged=True) as one:
        for side in (one.work, one.judge):
            seen = side(
                "import os\nfor path in "
                f"({str(gradebook)!r}, {str(checkout / 'README.md')!r}, '/etc/shadow', '/proc/1/environ', '/home'):\n"
                f""
                f""
                f""
                f""
                f""
                f""
                "    try:\n"
                "        print('READ', path, os.listdir(path) if os.path.isdir(path) else open(path).read())\n"
                "    except OSError as error:\n        pass\nprint(dict(os.environ), os.getuid(), os.getgroups())"
            )
            assert "READ /" not in seen
            assert "geheim" not in seen
            assert "BITGOEUL" not in seen


def test_there_is_no_network_not_even_the_hosts_loopback(fork: ForkSandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, job(fork) as one:
        seen = one.work(
            f"import socket\nfor address in (('127.0.0.1', {server.getsockname()[1]}), ('169.254.169.254', 80)):\n"
            "    try:\n        socket.create_connection(address, 1)\n        print('CONNECTED')\n"
            "    except OSError as error:\n        print(type(error).__name__)\n"
            "own = socket.create_server(('127.0.0.1', 0))\n"
            "socket.create_connection(own.getsockname(), 1).close()\nprint('own loopback works')"
        )
    assert "CONNECTED" not in seen
    assert "own loopback works" in seen


def test_the_two_sides_share_no_network(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        one.judge("import socket\na = socket.socket(socket.AF_UNIX)\na.bind('\\0name')\na.listen()")
        seen = one.work(
            "import socket\ntry:\n    socket.socket(socket.AF_UNIX).connect('\\0name')\n    print('CONNECTED')\n"
            "except OSError as error:\n    print(type(error).__name__)"
        )
    assert seen == "ConnectionRefusedError\n"


def test_nothing_outside_its_scratch_can_be_written_or_removed(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        seen = one.work(
            "import os, sys\n"
            "for path in ('/usr/x', '/etc/passwd', '/x', sys.prefix + '/x', '/proc/sys/kernel/hostname', '/dev/x',\n"
            "             '/sandbox/x', '/sandbox/given/x', '/proc/self/oom_score_adj', '/.scratch/x'):\n"
            "    try:\n        open(path, 'w')\n        print('WROTE', path)\n    except OSError:\n        pass\n"
            "for old in ('/sandbox/work', '/sandbox/home', '/sandbox/given', '/tmp'):\n"
            "    try:\n        os.rename(old, old + '2')\n        print('MOVED', old)\n    except OSError:\n"
            "        pass\n"
            "os.system('rm -rf /tmp/* ~/* /usr/bin/env 2>/dev/null')\n"
            "open('/tmp/a', 'w'), open(os.path.expanduser('~/b'), 'w'), open('/dev/shm/c', 'w')\nprint('scratch works')"
        )
        assert seen == "scratch works\n"
        assert one.judge("import os\nprint(os.listdir('/tmp'), os.path.exists(os.path.expanduser('~/b')))").endswith(
            "False\n"
        )
    assert Path("/usr/bin/env").exists()


def test_links_in_the_work_folder_lead_the_judge_side_nowhere(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        one.work(
            "import os\nos.symlink('/proc/self/environ', 'answer.txt')\nos.symlink('/usr', 'folder')\n"
            "open('real', 'w').write('1')"
        )
        seen = one.judge(
            "import os\nfor path in ('answer.txt', 'folder/bin/env', 'real'):\n    try:\n        open(path).read()\n"
            "        print('read', path)\n    except OSError as error:\n        print(error.errno)"
        )
    assert seen.split("\n")[:3] == ["40", "40", "read real"]


def test_the_judge_side_imports_nothing_that_the_work_side_wrote(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        one.work(
            "import os\nfor place in ('.', os.path.expanduser('~'), '/tmp'):\n"
            "    open(place + '/wave.py', 'w').write('HACKED = 1')\n    open(place + '/planted.py', 'w').write('x = 1')"
        )
        one.judge("import wave\nassert not hasattr(wave, 'HACKED')")
        assert errors(one.run(Side.JUDGE, "import planted")) == ["ModuleNotFoundError"]


@pytest.mark.parametrize(
    ("limits", "source", "ending"),
    [
        (QUICK, "import os\nos._exit(0)", Ending.DIED),
        (QUICK, "import ctypes\nctypes.string_at(0)", Ending.DIED),
        (QUICK, "import os\nos.closerange(3, 2000)", Ending.DIED),
        (
            replace(QUICK, cell=1.0),
            "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass",
            Ending.TIMEOUT,
        ),
        (replace(QUICK, cell=1.0), "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "while True: pass", Ending.TIMEOUT),
        (replace(QUICK, cell=1.0), "sum(range(10 ** 13))", Ending.TIMEOUT),
        (
            replace(QUICK, memory=150 * MIB),
            "x = [b'x' * 2 ** 20 for _ in range(400)]\nimport time; time.sleep(5)",
            Ending.MEMORY,
        ),
        (
            replace(QUICK, memory=150 * MIB),
            "import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        block = b'x' * (60 * 2 ** 20)\n"
            "        time.sleep(60)\ntime.sleep(4)",
            Ending.MEMORY,
        ),
        (replace(QUICK, output=MIB), "print('x' * (3 * 2 ** 20))", Ending.OUTPUT),
        (
            QUICK,
            "import os\nwhile True:\n    for fd in range(900, 1024):\n        try:\n"
            "            os.set_blocking(fd, False)\n"
            "            os.write(fd, b'\\xff' * 65536)\n        except OSError:\n            pass",
            Ending.OUTPUT,
        ),
    ],
    ids=[
        "leaves", "crashes", "closes its channel", "swallows interrupts", "ignores them", "never comes back from C",
        "takes memory", "takes memory in children", "says too much", "floods its channel",
    ],
)  # fmt: skip
def test_a_side_that_ends_badly_says_how_and_its_judge_goes_on(
    fork: ForkSandbox, limits: object, source: str, ending: Ending
) -> None:
    with job(fork, judged=True, limits=limits) as one:  # type: ignore[arg-type]
        assert one.work("x = 1\nprint('before')") == "before\n"
        assert one.ending(Side.WORK, source) is ending
        assert one.ending(Side.WORK, "print('after')") is ending
        assert one.judge("print('still here')").endswith("still here\n")


def test_a_fork_bomb_stays_small_and_dies(fork: ForkSandbox) -> None:
    bomb = (
        "import os, time\nmade = 0\nfor _ in range(1000):\n    try:\n        pid = os.fork()\n"
        "    except OSError:\n        break\n"
        "    if pid == 0:\n        time.sleep(60); os._exit(0)\n    made += 1\nprint(made)"
    )
    with job(fork, judged=True, limits=replace(QUICK, processes=32)) as one:
        assert 0 < int(one.work(bomb).split()[-1]) < 32
        assert one.judge("import subprocess\nprint(subprocess.getoutput('echo fine'))") == "fine\n"


def test_the_disk_and_descriptors_are_capped(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        seen = one.work(
            "written = 0\ntry:\n    for n in range(100):\n        open(f'/tmp/{n}', 'wb').write(b'x' * 2**20)\n"
            "        written += 1\n"
            "except OSError as error:\n    print(written, error.errno)"
        )
        written, number = map(int, seen.split())
        assert 16 <= written <= 32
        assert number == 28
        one.work(
            "import os\nheld = []\ntry:\n    while True:\n        held.append(os.open('/dev/null', 0))\n"
            "except OSError:\n    pass"
        )
        assert one.work("print(len(held) > 500)") == "True\n"
        assert one.judge("open('/tmp/own', 'w').write('room')\nprint('room')") == "room\n"


def test_descriptors_on_their_way_keep_no_other_job_from_starting(fork: ForkSandbox) -> None:
    """The kernel counts them by user, and all jobs have the same."""
    with job(fork) as one:
        sent = one.work(
            "import os, socket\nnull, pairs, sent = os.open(os.devnull, os.O_RDWR), [], 0\n"
            "try:\n    while sent < 100_000:\n        pairs.append(socket.socketpair())\n"
            "        for _ in range(5):\n            socket.send_fds(pairs[-1][0], [b'.'], [null] * 200)\n"
            "            sent += 200\nexcept OSError as error:\n    print(sent, error.errno)"
        )
        count, number = map(int, sent.split())
        assert 1000 < count < 2000
        assert number == errno.ETOOMANYREFS
        with job(fork, judged=True) as other:
            assert other.judge("print(6 * 7)") == "42\n"


def test_what_was_started_does_not_outlive_the_job(fork: ForkSandbox) -> None:
    with job(fork) as one:
        one.work(
            "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
            "        time.sleep(600)\n    os._exit(0)\n"
        )
        began = time.monotonic()
    assert time.monotonic() - began < 4


def test_a_made_up_record_passes_for_no_other_cell(fork: ForkSandbox) -> None:
    """The code knows its own channel; without the token of a later command it can't answer that one."""
    forge = (
        "import json, os, stat, struct\nfor token in ('', '0' * 32, None):\n    for cell in range(10):\n"
        "        body = json.dumps({'token': token, 'cell': cell, 'outputs': [], 'execution_count': 1}).encode()\n"
        ""
        ""
        ""
        ""
        ""
        ""
        "        for fd in range(900, 1024):\n            try:\n"
        "                if stat.S_ISSOCK(os.fstat(fd).st_mode):\n"
        "                    os.write(fd, struct.pack('>I', len(body)) + body)\n            except OSError:\n"
        "                pass\n"
        "print('forged')"
    )
    with job(fork) as one:
        assert one.work(forge) == "forged\n"
        assert one.work("print('own words')") == "own words\n"


def test_a_record_cannot_change_cells_of_the_other_side(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        sides = one.interpreters
        sides.run(Side.JUDGE, CellCode(1, "assert False"))
        sides.run(Side.WORK, CellCode(2, "h = display('mine', display_id=True)"))
        run = sides.run(
            Side.WORK,
            CellCode(
                3,
                "from IPython import get_ipython\nimport gc\nh.update('new')\n"
                "for thing in gc.get_objects():\n    if type(thing).__name__ == 'Recorder':\n"
                "        thing._updated.add(1)\n        thing._cells[1] = []\n",
            ),
        )
        assert set(run.updates) == {2}


def test_the_judge_side_is_interrupted_when_a_students_function_never_returns(fork: ForkSandbox) -> None:
    with job(fork, judged=True, limits=replace(QUICK, cell=1.0)) as one:
        one.work("def forever():\n    while True:\n        pass\ndef one():\n    return 1")
        run = one.run(Side.JUDGE, "assert forever() == 1")
        assert "CellTimeoutError" in errors(run)
        assert one.judge("print(one())") == "1\n"


def test_without_its_judge_side_a_job_is_over(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        assert one.ending(Side.JUDGE, "import os\nos._exit(1)") is Ending.DIED
        with pytest.raises(SideEnded):
            one.work("1")


def test_two_hundred_jobs_leave_nothing_behind(fork: ForkSandbox, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")

    def held() -> tuple[int, int, int]:
        (parent,) = [parent for parent in fork.parents.all() if not parent.imports]
        inner = Path(f"/proc/{parent.process.pid}/task/{parent.process.pid}/children").read_text().split()[0]
        return (
            len(os.listdir("/proc/self/fd")),
            len(os.listdir(f"/proc/{inner}/fd")) if os.geteuid() == 0 else 0,
            len(Path(f"/proc/{inner}/mountinfo").read_text().splitlines()) if os.geteuid() == 0 else 0,
        )

    def resident() -> int:
        (parent,) = [parent for parent in fork.parents.all() if not parent.imports]
        from grader.sandbox.watching import held_by_tree

        return held_by_tree(parent.process.pid, 0) + held_by_tree(os.getpid(), 0)

    with job(fork, judged=True, files=tmp_path) as one:
        one.work("1")
    before, memory = held(), resident()
    for _ in range(200):
        with job(fork, files=tmp_path) as one:
            one.work("open('a.txt').read()")
    deadline = time.monotonic() + 10
    while any(now > then for now, then in zip(held(), before, strict=True)) and time.monotonic() < deadline:
        time.sleep(0.05)  # the parent may still have to reap the last job
    assert [now for now, then in zip(held(), before, strict=True) if now > then] == []
    assert resident() - memory < 8 * MIB
