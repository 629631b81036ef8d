"""What a job can and can't do in the namespace sandbox, tried from inside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import command_line, descendants
from small_course import code, notebook

from grader.sandbox.base import Cancelled, Ending, Limits, Opening, SandboxJob, SandboxResult, SandboxUnavailable
from grader.sandbox.launch import children_of
from grader.sandbox.namespaces import NamespaceSandbox
from grader.sandbox.process import ProcessSandbox

pytestmark = pytest.mark.namespaces
MIB = 1024 * 1024


def run(sandbox: NamespaceSandbox, *cells: str, files: Path | None = None, **limits: float) -> SandboxResult:
    job = SandboxJob(notebook=notebook(*map(code, cells)), files=files, limits=Limits(**limits))  # type: ignore[arg-type]
    return sandbox.run(job)


def printed(result: SandboxResult, index: int = 0) -> str:
    return "".join(o["text"] for o in result.cells[index].outputs if o["output_type"] == "stream")


def errors(result: SandboxResult, index: int = 0) -> list[str]:
    return [o["ename"] for o in result.cells[index].outputs if o["output_type"] == "error"]


@pytest.fixture(scope="module")
def sandbox() -> NamespaceSandbox:
    return NamespaceSandbox()


@pytest.fixture
def left_behind() -> Callable[[], list[str]]:
    """What a job left running. Children of what was there before (a browser has some now and then) are not a job's."""
    before = set(children_of(os.getpid()))

    def left() -> list[str]:
        ours = [child for child in children_of(os.getpid()) if child not in before]
        return [f"{pid}: {command_line(pid)}" for child in ours for pid in (child, *descendants(child))]

    return left


def test_every_layer_holds_here() -> None:
    layers = NamespaceSandbox().layers()
    assert [layer.name for layer in layers if not layer.holds] == []
    names = {"user", "capabilities", "files", "processes", "network", "seccomp", "nesting"}
    assert {layer.name for layer in layers} >= names


def test_a_notebook_runs_as_in_jupyter(sandbox: NamespaceSandbox) -> None:
    result = run(
        sandbox, "x = 20\nprint('하나')", "x + 1", "1 / 0", "!echo shell", "%%time\ny = 1", "import sys; sys.exit()"
    )
    assert result.ending is Ending.FINISHED
    assert printed(result) == "하나\n"
    assert result.cells[1].outputs[0]["data"] == {"text/plain": "21"}
    assert errors(result, 2) == ["ZeroDivisionError"]
    assert printed(result, 3).strip() == "shell"
    assert result.cells[4].execution_count == 5
    assert errors(result, 5) == ["SystemExit"]


def test_the_campus_is_out_of_sight(sandbox: NamespaceSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "geheim-4711"
    gradebook = tmp_path / "gradebook.db"
    gradebook.write_text(secret)
    monkeypatch.setenv("BITGOEUL_PORTAL_TOKEN", secret)
    work = tmp_path / "work"
    work.mkdir()
    (work / "own.txt").write_text("mine")
    (work / "link").symlink_to(gradebook)
    checkout = Path(__file__).resolve().parents[2]
    result = run(
        sandbox,
        f"""import os, json, glob
def seen(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read()
    except OSError as error:
        return type(error).__name__
print(json.dumps({{
    "gradebook": seen({str(gradebook)!r}), "folder": seen({str(tmp_path)!r}), "root": sorted(os.listdir("/")),
    "checkout": sorted(os.listdir({str(checkout)!r})) if os.path.isdir({str(checkout)!r}) else [],
    "shadow": seen("/etc/shadow"), "environment": dict(os.environ), "work": sorted(os.listdir(".")),
    "init": seen("/proc/1/environ"), "others": [p for p in os.listdir("/proc") if p.isdigit()],
    "mounts": seen("/.old"), "homes": seen("/home"), "uid": [os.getuid(), os.geteuid()], "groups": os.getgroups(),
}}))""",
        files=work,
    )
    import json

    seen = json.loads(printed(result))
    assert secret not in printed(result)
    assert seen["gradebook"] == "FileNotFoundError"
    assert seen["folder"] == "FileNotFoundError"
    assert seen["work"] == ["own.txt"]
    assert set(seen["checkout"]) <= {".venv"}
    assert seen["shadow"] == "FileNotFoundError"
    assert seen["init"] == "PermissionError"
    assert not [name for name in seen["environment"] if name.startswith("BITGOEUL")]
    assert len(seen["others"]) <= 6
    assert seen["uid"] == [1000, 1000]


def test_cells_cannot_be_led_one_by_one(sandbox: NamespaceSandbox) -> None:
    with pytest.raises(SandboxUnavailable, match="whole notebooks only"):
        sandbox.open(Opening())


def test_the_runner_cannot_be_read_by_the_code_it_runs(sandbox: NamespaceSandbox) -> None:
    result = run(
        sandbox,
        "import os\nparent = os.getppid()\n"
        "for name in ('fd', 'mem', 'environ', 'maps'):\n"
        "    try:\n"
        "        os.listdir(f'/proc/{parent}/fd') if name == 'fd' else open(f'/proc/{parent}/{name}').read(1)\n"
        "        print('READ', name)\n"
        "    except OSError as error:\n"
        "        print(type(error).__name__)\n"
        "print([os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if int(n) == 3])",
    )
    assert "READ" not in printed(result)
    assert "memfd:job" not in printed(result)


def test_there_is_no_network_not_even_the_hosts_loopback(sandbox: NamespaceSandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = run(
            sandbox,
            "import socket\n"
            f"for address in (('127.0.0.1', {port}), ('169.254.169.254', 80), ('1.1.1.1', 53)):\n"
            "    try:\n        socket.create_connection(address, 1)\n        print('CONNECTED')\n"
            "    except OSError as error:\n        print(type(error).__name__)\n"
            "own = socket.create_server(('127.0.0.1', 0))\n"
            "socket.create_connection(own.getsockname(), 1).close()\nprint('own loopback works')",
        )
    assert "CONNECTED" not in printed(result)
    assert "own loopback works" in printed(result)


def test_nothing_outside_its_scratch_can_be_written_or_removed(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    canary = Path("/tmp") / f"bitgoeul-canary-{os.getpid()}"
    canary.write_text("here")
    (tmp_path / "data.txt").write_text("original")
    try:
        result = run(
            sandbox,
            "!rm -rf /tmp/* ~/* /usr/bin/env 2>/dev/null\n"
            "import os, sys\n"
            "for path in ('/usr/x', '/etc/passwd', '/x', sys.prefix + '/x', '/proc/sys/kernel/hostname', '/dev/x'):\n"
            "    try:\n        open(path, 'w')\n        print('WROTE', path)\n"
            "    except OSError as error:\n        print(type(error).__name__)\n"
            "open('data.txt', 'w').write('changed')\nopen('/tmp/a', 'w').write('x')\n"
            "open(os.path.expanduser('~/b'), 'w')\n"
            "print('scratch works')",
            files=tmp_path,
        )
        assert canary.read_text() == "here"
    finally:
        canary.unlink()
    assert "WROTE" not in printed(result)
    assert "scratch works" in printed(result)
    assert (tmp_path / "data.txt").read_text() == "original"
    assert Path("/usr/bin/env").exists()


def test_privileges_cannot_be_gained(sandbox: NamespaceSandbox) -> None:
    result = run(
        sandbox,
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "print('unshare', libc.unshare(0x10000000), libc.unshare(0x00020000))\n"
        "print('mount', libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None))\n"
        "print('chroot', libc.chroot(b'/tmp'))\n"
        "print('setuid', libc.setuid(0))\n"
        "print([line for line in open('/proc/self/status') if line.startswith(('Cap', 'NoNewPrivs'))])\n"
        "try:\n    os.mknod('/tmp/sda', 0o60666, os.makedev(8, 0)); print('NODE')\nexcept OSError: pass\n",
    )
    out = printed(result)
    assert "unshare -1 -1" in out
    assert "mount -1" in out
    assert "chroot -1" in out
    assert "setuid -1" in out
    assert "NODE" not in out
    assert out.count("0000000000000000") == 5
    assert "NoNewPrivs:\\t1" in out


def test_a_fork_bomb_stays_small_and_dies(sandbox: NamespaceSandbox, left_behind: Callable[[], list[str]]) -> None:
    began = time.monotonic()
    result = run(
        sandbox,
        "import os, time\nmade = 0\n"
        "for _ in range(1000):\n"
        "    try:\n        pid = os.fork()\n    except OSError:\n        break\n"
        "    if pid == 0:\n        time.sleep(60); os._exit(0)\n"
        "    made += 1\n"
        "print(made)",
        "print('still here')",
        processes=64,
    )
    assert int(printed(result)) < 64
    assert printed(result, 1) == "still here\n"
    assert time.monotonic() - began < 30
    assert left_behind() == []


def test_more_memory_than_allowed_is_a_memory_error_or_the_end(sandbox: NamespaceSandbox) -> None:
    result = run(sandbox, "x = bytearray(3 * 2**30)", "print('goes on')", memory=512 * MIB)
    assert errors(result) == ["MemoryError"]
    assert printed(result, 1) == "goes on\n"
    several = (
        "import os, time\n"
        "for _ in range(6):\n"
        "    if os.fork() == 0:\n        block = bytearray(os.urandom(1)) * (150 * 2**20)\n        time.sleep(60)\n"
        "time.sleep(20)"
    )
    result = run(sandbox, "print('before')", several, "print('after')", memory=400 * MIB)
    assert result.ending is Ending.MEMORY
    assert result.reason is not None
    assert "400 MiB" in result.reason.en
    assert printed(result) == "before\n"
    assert 2 not in result.cells


def test_an_endless_cell_is_interrupted_and_the_rest_runs(sandbox: NamespaceSandbox) -> None:
    result = run(sandbox, "while True:\n    pass", "print('next')", cell=2.0, wall=30.0)
    assert result.ending is Ending.FINISHED
    assert errors(result)[-1] == "CellTimeoutError"
    assert printed(result, 1) == "next\n"


def test_a_notebook_that_takes_too_long_keeps_what_was_done(sandbox: NamespaceSandbox) -> None:
    result = run(sandbox, "print('one')", "import time\ntime.sleep(60)", "print('three')", cell=60.0, wall=2.0)
    assert result.ending is Ending.TIMEOUT
    assert result.reason is not None
    assert result.reason.ko.startswith("제한 시간 2초")
    assert printed(result) == "one\n"
    assert 2 not in result.cells


def test_a_flood_of_output_is_cut(sandbox: NamespaceSandbox) -> None:
    result = run(sandbox, "for _ in range(40):\n    print('x' * 2**20)", "print('next')")
    assert result.ending is Ending.FINISHED
    assert len(printed(result)) < 6 * MIB
    assert printed(result).endswith("... Output truncated ...\n")
    assert printed(result, 1) == "next\n"


def test_too_much_to_send_back_ends_the_job(sandbox: NamespaceSandbox) -> None:
    cells = ["print('x' * (3 * 2**20))"] * 4
    result = run(sandbox, *cells, output=4 * MIB)
    assert result.ending is Ending.OUTPUT
    assert len(result.cells) == 1


def test_the_disk_is_capped(sandbox: NamespaceSandbox) -> None:
    result = run(
        sandbox,
        "written = 0\ntry:\n    for n in range(100):\n"
        "        open(f'/tmp/{n}', 'wb').write(b'x' * 2**20)\n        written += 1\n"
        "except OSError as error:\n    print(written, error.errno)",
        scratch=16 * MIB,
    )
    written, number = map(int, printed(result).split())
    assert written <= 16
    assert number == 28


@pytest.mark.parametrize(
    "attack",
    [
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        "import os, signal\nos.kill(-1, signal.SIGKILL)",
        "import os\nos._exit(0)",
    ],
    ids=["kill the runner", "kill everything", "end the kernel"],
)
def test_killing_what_runs_it_gains_nothing(
    sandbox: NamespaceSandbox, attack: str, left_behind: Callable[[], list[str]]
) -> None:
    result = run(sandbox, "print('before')", attack, "print('after')")
    assert result.ending is Ending.DIED
    assert result.reason is not None
    assert printed(result) == "before\n"
    assert 2 not in result.cells
    assert left_behind() == []


def test_nothing_outlives_the_job(sandbox: NamespaceSandbox) -> None:
    result = run(
        sandbox, "import subprocess\nsubprocess.Popen(['sleep', '12345'], start_new_session=True)\nprint('left')"
    )
    assert printed(result) == "left\n"
    commands = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                commands.append((entry / "cmdline").read_bytes())
            except OSError:
                continue
    assert not any(b"12345" in command and command.startswith(b"sleep") for command in commands)


def test_a_killed_worker_takes_its_job_along(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "from grader.sandbox.namespaces import NamespaceSandbox\n"
        "from grader.sandbox.base import SandboxJob\n"
        "cell = {'cell_type': 'code', 'metadata': {}, 'source': 'import time; time.sleep(600)', 'outputs': []}\n"
        "NamespaceSandbox().run(SandboxJob(notebook={'cells': [cell], 'metadata': {}}))\n"
    )
    worker = subprocess.Popen([sys.executable, script])
    deadline = time.monotonic() + 30
    tree: list[int] = []
    while len(tree) < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
        tree = descendants(worker.pid)
    assert len(tree) >= 5
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    while any(Path(f"/proc/{pid}").exists() and not _is_zombie(pid) for pid in tree):
        assert time.monotonic() < deadline, "processes of the job outlived its worker"
        time.sleep(0.05)


def _is_zombie(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_a_run_can_be_given_up(sandbox: NamespaceSandbox, left_behind: Callable[[], list[str]]) -> None:
    cancel = threading.Event()
    threading.Timer(2.0, cancel.set).start()
    job = SandboxJob(notebook=notebook(code("import time\ntime.sleep(60)")))
    began = time.monotonic()
    with pytest.raises(Cancelled):
        sandbox.run(job, cancel)
    assert time.monotonic() - began < 10
    assert left_behind() == []


def test_plots_are_drawn_without_a_word_on_stderr(sandbox: NamespaceSandbox) -> None:
    result = run(sandbox, "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.title('graph')\nplt.show()")
    kinds = [o["output_type"] for o in result.cells[0].outputs]
    assert "display_data" in kinds
    assert "image/png" in next(o for o in result.cells[0].outputs if o["output_type"] == "display_data")["data"]
    assert [o for o in result.cells[0].outputs if o.get("name") == "stderr"] == []


def test_it_also_works_for_an_ordinary_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests run as an ordinary user already")
    checkout = Path(__file__).resolve().parents[2]
    script = (
        f"import sys; sys.path.insert(0, {str(checkout)!r}); from grader.sandbox.namespaces import NamespaceSandbox; "
        "print([layer.name for layer in NamespaceSandbox().layers() if not layer.holds])"
    )
    command = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "/usr/bin/python3", "-B", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_process_sandbox_runs_but_says_it_isolates_nothing(
    caplog: pytest.LogCaptureFixture, left_behind: Callable[[], list[str]]
) -> None:
    sandbox = ProcessSandbox()
    assert "isolates NOTHING" in caplog.text
    assert not any(layer.holds for layer in sandbox.layers())
    result = sandbox.run(SandboxJob(notebook=notebook(code("import os\nprint(sorted(os.environ))"))))
    assert result.ending is Ending.FINISHED
    assert "BITGOEUL" not in printed(result)
    assert left_behind() == []


def test_the_process_sandbox_refuses_production() -> None:
    with pytest.raises(SandboxUnavailable, match="does not serve in production"):
        ProcessSandbox(production=True)
