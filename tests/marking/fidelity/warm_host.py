"""A small warm parent for the tests: one shell, a fork per notebook, records as lines of JSON.

A program of its own, run inside a sandbox: reads from descriptor 3 what to import and which notebooks to run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time

PACKAGES = "/.host"
WORK = os.getcwd()
PLACES = ("HOME", "TMPDIR")


def main() -> None:
    with os.fdopen(3, "rb") as handle:
        job = json.load(handle)
    channel = os.dup(1)
    os.dup2(2, 1)
    sys.path[:0] = [PACKAGES]
    from grader.sandbox.shell import Shell

    for name in job["imports"]:
        __import__(name)
    shell = Shell()
    shell.warm_up()
    sys.path.remove(PACKAGES)
    send(channel, {"ready": True})
    for number, notebook in enumerate(job["notebooks"]):
        clean(notebook["files"])
        reading, writing = os.pipe()
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                run(shell, notebook, writing, began)
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as records:
            for line in records:
                send(channel, {"notebook": number, **json.loads(line)})
        _, status = os.waitpid(child, 0)
        send(channel, {"notebook": number, "ended": os.waitstatus_to_exitcode(status)})
    os._exit(0)


def run(shell, notebook, writing, began) -> None:
    from grader.sandbox.shell import add_timeout

    forked = time.perf_counter()
    shell.after_fork()
    send(writing, {"fork": forked - began, "after_fork": time.perf_counter() - forked})
    for count, (index, source) in enumerate(notebook["cells"], start=1):
        timer = threading.Timer(notebook["limit"], os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        began = time.perf_counter()
        record = shell.run(index, source, count=count)
        seconds = time.perf_counter() - began
        late = timer.finished.is_set()
        timer.cancel()
        if late:
            add_timeout(record)
        send(writing, record | {"seconds": seconds})


def clean(files) -> None:
    for folder in (WORK, *(os.environ[name] for name in PLACES)):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True) if "shell-" not in name else None
            else:
                os.unlink(path)
    if files:
        shutil.copytree(files, WORK, dirs_exist_ok=True)


def send(channel, record) -> None:
    data = memoryview(json.dumps(record).encode() + b"\n")
    while data:
        data = data[os.write(channel, data) :]


if __name__ == "__main__":
    main()
