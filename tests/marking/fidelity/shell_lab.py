"""Scenes for a shell, each played in a fork of one warm process of its own; `python shell_lab.py` prints what came out.

Not in pytest's process: a shell takes over descriptors, signals and `__main__`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Scene = Callable[[Any], Any]
SCENES: dict[str, Scene] = {}


def scene(play: Scene) -> Scene:
    SCENES[play.__name__] = play
    return play


class Asking(dict[str, Any]):
    """Names that it lacks come from `far`; what was asked for is kept in `asked`."""

    def __init__(self, far: dict[str, Any]) -> None:
        super().__init__()
        self.far = far
        self.asked: list[str] = []

    def __missing__(self, name: str) -> Any:
        self.asked.append(name)
        return self.far[name]


def run(shell: Any, *sources: str, first: int = 1) -> list[dict[str, Any]]:
    return [shell.run(index, source, count=first + index) for index, source in enumerate(sources)]


@contextlib.contextmanager
def interrupted(after: float = 0.3) -> Iterator[None]:
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    yield
    timer.cancel()


def interrupt(shell: Any, source: str) -> Any:
    began = time.monotonic()
    with interrupted():
        record = shell.run(0, source, count=1)
    return {"records": [record, shell.run(1, "'still here'", count=2)], "seconds": time.monotonic() - began}


IMPORTS = "import json, os.path as p\nfrom collections import Counter"
LOOK = (
    "(In[1:], _i, _ii, _i1, [n for n in dir() if n in ('json', 'p', 'Counter', 'os')], p.sep, json.loads('1'),"
    " Counter.__name__, get_ipython().execution_count, list(Out))"
)


@scene
def imports_leave_what_a_cell_leaves(shell: Any) -> Any:
    """A cell of imports that goes the short way, and one that may not: it comes after another cell."""
    return {"records": run(shell, IMPORTS, LOOK), "keys": sorted(vars(shell.shell.user_module))}


@scene
def imports_after_another_cell(shell: Any) -> Any:
    shell._only_imports = False
    return {"records": run(shell, IMPORTS, LOOK), "keys": sorted(vars(shell.shell.user_module))}


@scene
def write_comes_in_order(shell: Any) -> Any:
    shell.namespace["carry"] = shell.write
    return run(shell, "print('a')\ncarry('stdout', 'b\\n')\nprint('c')\ncarry('stderr', 'd\\n')")


@scene
def capture_keeps_text_out_of_the_record(shell: Any) -> Any:
    run(
        shell,
        "import os, sys\ndef speak():\n    print('one')\n    os.write(1, b'two\\n')\n    print('!', file=sys.stderr)",
    )
    with shell.capture() as heard:
        shell.namespace["speak"]()
    return {"heard": heard, "next": shell.run(1, "print('next')", count=2)}


@scene
def capture_may_be_nested(shell: Any) -> Any:
    with shell.capture() as outer:
        print("a")
        with shell.capture() as inner:
            print("b")
        print("c")
    return {"outer": outer, "inner": inner}


@scene
def asked_names(shell: Any) -> Any:
    names = Asking({"far": 7, "Base": type("Base", (), {"name": "base"})})
    shell.use_namespace(names)
    records = run(
        shell,
        "far",
        "def inner():\n    return far + 1\ninner()",
        "[far * i for i in range(2)], (lambda: far)()",
        "class Child(Base):\n    value = far + 2\n    def get(self):\n        return far\nChild.value, Child().get()",
        "near = far * 2\nnear, 'near' in globals(), len('abc')",
        "nowhere",
        "def f():\n    return nowhere\nf()",
        "import math\nmath.floor(1.5), isinstance(far, int)",
        "import pickle\npickle.loads(pickle.dumps(Child)) is Child",
        "import __main__\n__main__.near, __main__.far, hasattr(__main__, 'nowhere')",
        "open('/dev/null').close()\nglobals()['far'], type(globals()).__name__, _",
        "async def g():\n    return far\nawait g()",
        "%time far",
    )
    return {"records": records, "asked": names.asked}


@scene
def functions_of_before_see_the_new_names(shell: Any) -> Any:
    run(
        shell,
        "import functools\n"
        "def check(n, *, by=1):\n    'doc'\n    return later(n) + by\n"
        "def twice(f):\n    @functools.wraps(f)\n    def wrapped(*a):\n        return 2 * f(*a)\n    return wrapped\n"
        "@twice\ndef decorated(n):\n    return later(n)\n"
        "class Checker:\n    def method(self, n):\n        return later(n)\n"
        "    @staticmethod\n    def fixed(n):\n        return later(n)\n"
        "    @property\n    def seen(self):\n        return later(0)\n"
        "kept = [1, 2]",
    )
    before = shell.namespace["kept"]
    shell.use_namespace(Asking({"later": lambda n: n + 100}))
    record = shell.run(
        1,
        "check(1), check(1, by=5), check.__doc__, decorated(1), Checker().method(2), Checker.fixed(3), Checker().seen",
        count=2,
    )
    return {"record": record, "same": shell.namespace["kept"] is before}


@scene
def plain_namespace(shell: Any) -> Any:
    run(shell, "x = 1")
    shell.use_namespace({})
    return run(shell, "def f():\n    return x\nx, f()", first=2)


@scene
def interrupt_in_a_loop(shell: Any) -> Any:
    return interrupt(shell, "print('on')\nwhile True:\n    pass")


@scene
def interrupt_in_an_await(shell: Any) -> Any:
    return interrupt(shell, "import asyncio\nawait asyncio.sleep(20)")


@scene
def interrupt_in_a_program(shell: Any) -> Any:
    return interrupt(shell, "import subprocess\nsubprocess.run(['sleep', '20'])")


@scene
def interrupt_handled_by_the_cell(shell: Any) -> Any:
    with interrupted():
        source = "import time\ntry:\n    time.sleep(20)\nexcept KeyboardInterrupt:\n    print('caught')\n'done'"
        return [shell.run(0, source, count=1)]


@scene
def handler_is_given_back(shell: Any) -> Any:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run(shell, "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL) and None")
    return signal.getsignal(signal.SIGINT) == signal.SIG_IGN


@scene
def cells_that_ran_elsewhere_keep_their_numbers(shell: Any) -> Any:
    return [
        shell.run(0, "'first'", count=1),
        shell.run(4, "'fifth'", count=5),
        shell.run(5, "In[1], In[5], Out[5], In[3]", count=6),
    ]


@scene
def a_later_cell_updates_a_display(shell: Any) -> Any:
    return run(shell, "h = display('old', display_id=True)", "print('between')", "h.update('new')")


@scene
def a_fork_of_a_fork(shell: Any) -> Any:
    """As the sides of a judged job are made: cells, then another fork, then cells in both."""
    run(shell, "x = 1\nprint('preamble')")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        shell.after_fork()
        found = [shell.run(1, "print('child')\nimport os\nos.system('echo its program')\nprint(1)\nx + 1", count=2)]
        os.write(writing, json.dumps(found).encode())
        os._exit(0)
    os.close(writing)
    alone = len(os.listdir("/proc/self/task"))
    shell.go_on()
    own = shell.run(1, "print('parent')\nimport os\nos.system('echo its program')\nprint(1)\nx + 2", count=2)
    with os.fdopen(reading) as handle:
        others = json.load(handle)
    os.waitpid(child, 0)
    return {"child": others, "parent": [own], "threads": alone}


@scene
def a_program_that_prints_much(shell: Any) -> Any:
    record = shell.run(0, "import subprocess\nsubprocess.run(['seq', '1', '200000'])\nprint('end')", count=1)
    text = record["outputs"][0]["text"]
    return {"outputs": len(record["outputs"]), "length": len(text), "end": text[-11:]}


@scene
def text_between_cells_is_nobodys(shell: Any) -> Any:
    run(shell, "import threading\nevent = threading.Event()\ndef late():\n    event.wait()\n    print('late')\n"
        "thread = threading.Thread(target=late)\nthread.start()")  # fmt: skip
    shell.namespace["event"].set()
    shell.namespace["thread"].join()
    os.write(1, b"raw\n")
    return run(shell, "print('own')", first=2)


@scene
def a_cell_leaves_a_task(shell: Any) -> Any:
    """The first cell to ask for the event loop, which is made only then: the task gets its first turn in that cell."""
    begin = "import asyncio\nasync def twice():\n    print(1)\n    await asyncio.sleep(0)\n    print(2)\n"
    return run(shell, begin + "task = asyncio.create_task(twice())\nprint(0)", "await task", "task.done()")


@scene
def a_plain_cell_leaves_the_loop_unmade(shell: Any) -> Any:
    """What a plain cell costs: neither a selector nor a pair of sockets, only the thread that empties the pipes."""
    before = len(os.listdir("/proc/self/fd"))
    run(shell, "x = 1")
    after = len(os.listdir("/proc/self/fd"))
    run(shell, "import asyncio\nawait asyncio.sleep(0)", first=2)
    return [before, after, len(os.listdir("/proc/self/fd"))]


@scene
def a_cell_stops_the_loop(shell: Any) -> Any:
    return run(shell, "import asyncio\nasyncio.get_running_loop().stop()\nawait asyncio.sleep(1)", "'still here'")


@scene
def a_cell_closes_its_descriptors(shell: Any) -> Any:
    return run(shell, "import os\nos.close(1)\nos.close(2)\nprint('printed')", "print('again')")


@scene
def a_lone_surrogate(shell: Any) -> Any:
    return run(shell, "print('half: \\ud83d.')")


@scene
def a_cell_prints_without_end(shell: Any) -> Any:
    began = time.monotonic()
    record = shell.run(0, "for _ in range(200):\n    print('x' * 100_000)\nprint('end')", count=1)
    text = record["outputs"][0]["text"]
    return {"length": len(text), "end": text[-30:], "quick": time.monotonic() - began < 10}


@scene
def timed_out(shell: Any) -> Any:
    from grader.sandbox.shell import add_timeout

    with interrupted():
        record = shell.run(0, "while True:\n    pass", count=1)
    add_timeout(record)
    add_timeout(record)  # adds nothing twice
    return record


def draw(shell: Any) -> Any:
    return [o["data"] for o in run(shell, "import random, numpy\nrandom.random(), numpy.random.rand()")[0]["outputs"]]


@scene
def random_numbers(shell: Any) -> Any:
    return draw(shell)


@scene
def random_numbers_again(shell: Any) -> Any:
    return draw(shell)


@scene
def numpys_generator(shell: Any) -> Any:
    """As a fork finds it, and that it is one that numpy can go on with."""
    before = (
        "import numpy\nname, key, place, gauss, _ = numpy.random.get_state()\nname, len(set(key)) > 600, place, gauss"
    )
    after = "numpy.random.seed(7)\nfirst = numpy.random.normal(size=3)\nnumpy.random.set_state((name, key, place))\n"
    again = "numpy.random.seed(7)\n(numpy.random.normal(size=3) == first).all(), float(first[0].round(6))"
    drawn = "n = numpy.random.rand(100_000)\nbool(0.49 < n.mean() < 0.51 and len(set(n)) == 100_000)"
    return run(shell, before, after, again, drawn)


@scene
def another_generator_of_numpys(shell: Any) -> Any:
    """A cell puts its own in the place of numpy's, and the process becomes a kernel anew, as the work side does."""
    mine = "import gc, numpy\nnumpy.random.set_bit_generator(numpy.random.PCG64(1))\ngc.collect()\nnumpy.random.rand()"
    first = run(shell, mine)
    shell.after_fork()
    again = run(shell, "numpy.random.rand() == numpy.random.Generator(numpy.random.PCG64(1)).random(2)[1]", first=2)
    return first + again


@scene
def what_is_left_of_warming_up(shell: Any) -> Any:
    return {
        "names": [name for name in shell.namespace if not name.startswith("_")],
        "tasks": len(os.listdir("/proc/self/task")),
        "last": [name for name in dir(sys) if name.startswith("last_")],
        "counts": [shell.shell.execution_count, len(shell.shell.history_manager.input_hist_raw)],
        "records": run(shell, "1 / 0"),
    }


def play(shell: Any, name: str) -> Any:
    """The scene's outcome, from a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            shell.after_fork()
            outcome: Any = SCENES[name](shell)
        except BaseException as error:
            outcome = f"{type(error).__name__}: {error}"
        with os.fdopen(writing, "w") as handle:
            json.dump(outcome, handle)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as handle:
        text = handle.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else "it ended without a word"


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    import numpy

    from grader.judge.rehearsal import rehearse
    from grader.sandbox.shell import Shell

    assert numpy
    shell = Shell()
    cells = shell.shell.user_module
    shell.warm_up(rehearse)
    assert sys.modules["__main__"] is shell.shell.user_module is cells
    outcomes = {name: play(shell, name) for name in SCENES}
    outcomes["threads of the parent"] = len(os.listdir("/proc/self/task"))
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
