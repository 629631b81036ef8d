"""How jobs in containers end: limits, cancelling, killed workers; and that nothing is left of any."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer

import pytest
from engines import IMAGE, left_on
from forked import QUICK, errors, job
from waiting import wait_for

from grader.sandbox.base import MIB, Cancelled, CellCode, Ending, Opening, SandboxUnavailable, Side, SideEnded
from grader.sandbox.container import ContainerKind, ContainerSandbox
from grader.sandbox.container_engine import Engine
from grader.sandbox.container_owner import LABEL, WORKER, Owner, labels_of, sweep
from grader.sandbox.container_plan import ContainerPlan

pytestmark = pytest.mark.docker

ROOT = Path(__file__).resolve().parents[2]


def test_a_cell_that_takes_too_long_is_interrupted_and_the_next_one_runs(container: ContainerSandbox) -> None:
    with job(container, limits=replace(QUICK, cell=1)) as one:
        assert errors(one.run(Side.WORK, "while True: pass")) == ["KeyboardInterrupt", "CellTimeoutError"]
        assert one.work("print(1)") == "1\n"


def test_a_cell_that_ignores_the_interrupt_is_killed(container: ContainerSandbox) -> None:
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
    with job(container, limits=replace(QUICK, cell=1)) as one:
        assert one.ending(Side.WORK, stubborn) is Ending.TIMEOUT
        assert one.ending(Side.WORK, "1") is Ending.TIMEOUT


def test_a_test_that_waits_for_an_endless_function_gets_its_interrupt(container: ContainerSandbox) -> None:
    with job(container, judged=True, limits=replace(QUICK, cell=1)) as one:
        one.work("def endless():\n    while True: pass")
        run = one.run(Side.JUDGE, "endless()")
        assert errors(run) == ["KeyboardInterrupt", "CellTimeoutError"]
        assert one.judge("print(2)") == "2\n"


@pytest.mark.parametrize(
    ("source", "ending"),
    [
        pytest.param("x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1", Ending.MEMORY, id="memory"),
        pytest.param("import os\nos._exit(3)", Ending.DIED, id="exit"),
        pytest.param("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", Ending.DIED, id="killed-itself"),
        pytest.param(
            "for _ in range(80): print('x' * (1 << 20)); display('y' * (1 << 20))", Ending.OUTPUT, id="output"
        ),
    ],
)
def test_a_side_that_goes_says_why_and_the_judge_side_goes_on(
    container: ContainerSandbox, source: str, ending: Ending
) -> None:
    limits = replace(QUICK, memory=256 * MIB, output=2 * MIB)
    with job(container, judged=True, limits=limits) as one:
        assert one.ending(Side.WORK, source) is ending
        assert one.judge("print(6 * 7)") == "42\n"


def test_a_work_side_that_floods_its_channel_does_not_hold_up_the_worker(container: ContainerSandbox) -> None:
    flood = (
        "import os, threading\ndef pour():\n    while True:\n        for n in range(900, 1024):\n"
        "            try: os.write(n, b'x' * 65536)\n            except OSError: pass\n"
        "threading.Thread(target=pour, daemon=True).start()\ndef endless():\n    while True: pass"
    )
    began = time.monotonic()
    with job(container, judged=True, limits=replace(QUICK, cell=1)) as one:
        with contextlib.suppress(SideEnded):
            one.run(Side.WORK, flood)
            one.run(Side.JUDGE, "endless()")
        assert one.judge("print(6 * 7)") == "42\n"
    assert time.monotonic() - began < 20
    assert left_on(container.engine, container.owner.worker) == []


def test_without_its_judge_side_a_job_is_over(container: ContainerSandbox) -> None:
    with job(container, judged=True) as one:
        assert one.ending(Side.JUDGE, "import os\nos._exit(1)") is Ending.DIED
        assert one.ending(Side.WORK, "1") is Ending.DIED


def test_cancelling_ends_a_running_cell(container: ContainerSandbox) -> None:
    cancel = Event()
    timer = Timer(0.3, cancel.set)
    with container.open(Opening(limits=QUICK), cancel) as both, pytest.raises(Cancelled):  # noqa: PT012
        timer.start()
        both.run(Side.WORK, CellCode(0, "import time\ntime.sleep(60)"))
    assert left_on(container.engine, container.owner.worker) == []


def test_nothing_is_left_after_thirty_jobs(container: ContainerSandbox) -> None:
    def one_job(number: int) -> str:
        with job(container, judged=number % 3 == 0) as one:
            return one.work(f"import subprocess\nsubprocess.Popen(['sleep', '600'])\nprint({number})")

    descriptors = len(os.listdir("/proc/self/fd"))
    one_job(0)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one_job, range(29))) == [f"{number}\n" for number in range(29)]
    assert left_on(container.engine, container.owner.worker) == []
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 12  # idle connections to the engine


WORKER_PROGRAM = """
import sys
from grader.sandbox.base import CellCode, Limits, Opening, Side
from grader.sandbox.container import ContainerKind, ContainerSandbox
sandbox = ContainerSandbox(ContainerKind(sys.argv[1]), worker=sys.argv[2])
with sandbox.open(Opening(limits=Limits(wall=300, cell=300), judged=True)) as both:
    print("ready", flush=True)
    both.run(Side.WORK, CellCode(0, "import signal\\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\\nwhile True: pass"))
"""


def test_a_killed_workers_containers_end_by_themselves_and_the_next_worker_sweeps_them(
    container: ContainerSandbox,
) -> None:
    name = f"killed-{secrets.token_hex(4)}"
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER_PROGRAM, IMAGE, name], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    engine = container.engine
    assert len(left_on(engine, name)) == 3
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    wait_for(
        "the end of its containers",
        lambda: not any(one.running for one in engine.containers(LABEL) if one.labels[WORKER] == name),
    )
    fresh = ContainerSandbox(ContainerKind(IMAGE), worker="another name")
    assert left_on(fresh.engine, name) == []
    fresh.close()


def test_a_sweep_leaves_a_living_workers_containers_alone(container: ContainerSandbox) -> None:
    with job(container, judged=True) as one:
        sweep(container.engine, Owner.me("a worker that starts meanwhile"))
        assert one.work("print(1)") == "1\n"


def test_a_container_that_was_never_started_is_swept_too(container: ContainerSandbox) -> None:
    gone = replace(container.owner, worker=f"gone-{secrets.token_hex(4)}", process="1/0")
    container.engine.create(never_started(gone))
    assert len(left_on(container.engine, gone.worker)) == 1
    assert sweep(container.engine, container.owner) >= 1
    assert left_on(container.engine, gone.worker) == []


def never_started(owner: Owner) -> ContainerPlan:
    return ContainerPlan(
        image=IMAGE,
        command=("python3", "-c", "1"),
        labels=labels_of(owner, "work"),
        environment={},
        memory=64 * MIB,
        cpus=1,
        processes=16,
        open_files=64,
        file_size=MIB,
        shared_memory=MIB,
        tmpfs={},
    )


def test_an_engine_that_is_not_there_is_said_in_both_languages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(SandboxUnavailable, match="No container engine answers") as refusal:
        Engine.from_environment()
    assert "DOCKER_HOST를 설정하세요" in refusal.value.korean
