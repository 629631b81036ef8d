"""Runs code cells in the present process and records what ipykernel and nbclient would have recorded.

Owns the one kernel of a warm parent and of every process forked from it. Refuses standard input, as nbgrader's Execute
does. What differs from a kernel of its own is listed in docs/explanation/fidelity.md.
"""

from __future__ import annotations

import asyncio
import builtins
import contextvars
import getpass
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import CodeType
from typing import Any

import ipykernel

from grader.sandbox.shell_descriptors import NAMES, Descriptors
from grader.sandbox.shell_imports import code_of_imports
from grader.sandbox.shell_kernel import build_kernel
from grader.sandbox.shell_loop import LateLoop, is_made, running
from grader.sandbox.shell_names import build_main, carry_over
from grader.sandbox.shell_record import Recorder, add_timeout
from grader.sandbox.shell_seeds import Seeds
from grader.sandbox.shell_streams import OutStream, Printed
from grader.sandbox.shell_warming import cells_for

__all__ = ["Shell", "add_timeout"]

MODULE_DOC = "Automatically created module for IPython interactive environment"
BACKEND = "module://matplotlib_inline.backend_inline"
LAUNCHER = os.path.join(os.path.dirname(os.path.dirname(ipykernel.__file__)), "ipykernel_launcher.py")
SETTLE = 8  # turns of the event loop between two cells, for tasks that a cell left behind


class Shell:
    """A kernel without a front end. Make one before any fork, warm it up, and call `after_fork` in every child."""

    def __init__(self) -> None:
        self._recorder = Recorder()
        self._printed = Printed(self._publish_text)
        self._profile = tempfile.TemporaryDirectory(prefix="shell-")
        self._kernel = build_kernel(self._receive, self._profile.name)
        self._session = self._kernel.session
        self.shell = self._kernel.shell
        self._streams = {name: OutStream(name, self._printed) for name in NAMES}
        self._originals: dict[int, int] | None = None
        self._descriptors: Descriptors | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.copy_context()
        self._last_count = 0
        self._seeds = Seeds()
        self._only_imports = False  # every cell so far: nothing can have changed the machinery yet
        self._running = False
        os.environ.setdefault("MPLBACKEND", BACKEND)
        os.register_at_fork(before=self._printed.rest, after_in_parent=self._watch_on)

    @property
    def only_imports(self) -> bool:
        """Whether no cell so far did anything but to name modules that were loaded already."""
        return self._only_imports

    @property
    def namespace(self) -> dict[str, Any]:
        """The cells' globals."""
        names: dict[str, Any] = self.shell.user_ns
        return names

    def warm_up(self, *more: Callable[[Shell], None]) -> None:
        """Run cells of every kind, so that a fork finds the modules they need imported; then forget them.

        `more` may run others, and give them another namespace.
        """
        streams, argv = (sys.stdout, sys.stderr), sys.argv
        self._open()
        try:
            for number, source in enumerate(cells_for(sys.modules)):
                self.run(number, source, count=number + 1)
            names, module = self.shell.user_ns, self.shell.user_module
            for rehearse in more:
                rehearse(self)
            self.shell.user_ns, self.shell.user_module = names, module
            sys.modules["__main__"] = module
        finally:
            (sys.stdout, sys.stderr), sys.argv = streams, argv
            builtins.input, getpass.getpass = self._asked
            if is_made(self._loop):
                self._loop.close()
                asyncio.set_event_loop(None)
                self._loop = None
        self.shell.reset(new_session=True)
        module = self.shell.user_module
        for name in ("__doc__", "__loader__", "__package__", "__spec__"):
            setattr(module, name, None if name != "__doc__" else MODULE_DOC)
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)
        self._profile.cleanup()
        self._recorder.clear()
        self._context = contextvars.copy_context()
        self._last_count = 0
        self._only_imports = True
        self._seeds = Seeds()

    def after_fork(self) -> None:
        """Make this process the kernel: its streams and descriptors 0, 1, 2, its event loop, its environment.

        Call it in a fork of the warm parent, when working directory and environment are the job's, and again in forks
        of that process; what cells left behind stays.
        """
        if self._descriptors is not None:
            self._descriptors.close()
        self._descriptors = Descriptors(self._originals)
        self._originals = self._descriptors.originals
        self._drop_loop()
        self._open()
        self._printed.renew(self._descriptors)
        self._find_folders()
        if self._last_count == 0:  # where `%cd -` leads back to
            self.shell.history_manager.dir_hist[:] = [Path.cwd()]
            self.shell.starting_dir = os.getcwd()
        self._seeds.renew()

    def go_on(self) -> None:
        """Make this process a kernel again after a fork of it became another: tasks of earlier cells end here, too.

        Call it when working directory and environment are this process's own.
        """
        self._drop_loop()
        self._find_folders()

    def _find_folders(self) -> None:
        tempfile.tempdir = None
        for path in (os.getcwd(), os.environ.get("HOME", ""), os.environ.get("TMPDIR", "/tmp")):
            sys.path_importer_cache.pop(path, None)  # to go through all of it would take long

    def use_namespace(self, namespace: dict[str, Any]) -> None:
        """Make `namespace` the globals of all cells; it may be a subclass with `__missing__`.

        Names of before that it lacks are carried over, and functions made by earlier cells look their names up in it.
        """
        carry_over(self.shell.user_ns, namespace)
        self.shell.user_ns = namespace
        self.shell.user_module = sys.modules["__main__"] = build_main(namespace)

    def run(self, index: int, source: str, *, count: int, hashed: int | None = None) -> dict[str, Any]:
        """Run the code cell at `index` of the notebook, the `count`th that runs, and return its record.

        `hashed` is the hash of the source (`shell_hash`), where it is known.

        The record: "cell", "outputs" (nbformat 4), "execution_count", "timing" and "updates", the outputs of earlier
        cells whose displays it changed. An interrupt (SIGINT) becomes the cell's error.
        """
        if self._only_imports and (code := code_of_imports(source)) is not None:
            return self._import(index, source, code, count)
        self._only_imports = False
        if self._loop is None:
            self._loop = LateLoop()
            asyncio.set_event_loop(self._loop)
        self.shell.compile.known = None if hashed is None else (source, hashed)
        self._printed.flush(*NAMES)  # what was printed since the last cell is nobody's
        self._leave_gap(count)
        self._settle()
        request = self._request("execute_request", {"code": source, "silent": False, "allow_stdin": False})
        request["content"] |= {"store_history": True, "user_expressions": {}, "stop_on_error": False}
        self._recorder.begin(index, request["header"]["msg_id"])
        self._running = True
        self._printed.watch()
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self._execute(request)
        except BaseException as error:  # an interrupt in the kernel's own code, a loop that the cell stopped
            self._recorder.add_error(type(error).__name__, str(error), [f"{type(error).__name__}: {error}"])
        finally:
            signal.signal(signal.SIGINT, handler)
            self._running = False
        self._printed.flush(*NAMES)
        self._receive("status", {"execution_state": "idle"}, request["header"]["msg_id"])
        return self._recorder.end(count)

    def _import(self, index: int, source: str, code: CodeType, count: int) -> dict[str, Any]:
        """What `run` does, for a cell that only names modules and comes before all others."""
        self._leave_gap(count)
        parent = f"imports-{index}"
        self._recorder.begin(index, parent)
        self._receive("status", {"execution_state": "busy"}, parent)
        self._receive("execute_input", {}, parent)
        exec(code, self.shell.user_global_ns, self.shell.user_ns)
        self.shell.history_manager.store_inputs(count, source, source)
        self.shell.execution_count = count + 1
        self._receive("execute_reply", {"status": "ok"}, parent)
        self._receive("status", {"execution_state": "idle"}, parent)
        return self._recorder.end(count)

    def write(self, name: str, text: str) -> None:
        """Append `text` to the running cell's stream `name` (stdout or stderr)."""
        self._streams[name].write(text)

    def capture(self) -> AbstractContextManager[list[tuple[str, str]]]:
        """Collect what is printed meanwhile as (stream, text), instead of recording it. Complete when it ends."""
        return self._printed.capture()

    def _open(self) -> None:
        self._session.pid = os.getpid()
        for number, name in enumerate(NAMES, start=1):
            self._streams[name].adopt(self._originals[number] if self._originals else None)
        sys.stdout, sys.stderr = self._streams["stdout"], self._streams["stderr"]
        self._asked = (builtins.input, getpass.getpass)
        builtins.input, getpass.getpass = self._kernel.raw_input, self._kernel.getpass
        os.environ.setdefault("MPLBACKEND", BACKEND)
        self.shell.init_environment()
        os.environ["JPY_PARENT_PID"] = str(os.getppid())
        if "" not in sys.path:  # where IPython puts it, also in an interpreter that was told to leave it out
            folders = [os.path.basename(path) for path in sys.path]
            sys.path.insert(folders.index("site-packages") if "site-packages" in folders else 0, "")
        connection = os.path.join(os.environ.get("TMPDIR", "/tmp"), "tmpkernel.json")
        sys.argv = [LAUNCHER, "-f", connection, "--HistoryManager.hist_file=:memory:"]

    def _watch_on(self) -> None:
        """After a fork: no thread runs while one is made, and none unless a cell runs."""
        if self._running:
            self._printed.watch()

    def _drop_loop(self) -> None:
        """Let go of the parent's event loop without touching the selector it shares with us."""
        if not is_made(self._loop):
            self._loop = None
            return
        for part in ("_ssock", "_csock", "_selector"):
            handle = getattr(self._loop, part, None)
            if handle is not None:
                os.close(handle.fileno())
        self._dropped = self._loop  # never collected: that would unregister from the shared selector
        self._loop = None

    def _leave_gap(self, count: int) -> None:
        """Cells that ran elsewhere keep their numbers: `In[3]` is the third cell's, wherever it ran."""
        for _ in range(count - self._last_count - 1):
            self.shell.history_manager.input_hist_parsed.append("")
            self.shell.history_manager.input_hist_raw.append("")
            self.shell.execution_count += 1
        self._last_count = count

    def _request(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = self._session.msg(kind, content)
        return message

    def _settle(self) -> None:
        """Answer widgets and let tasks of earlier cells go on, as a kernel does while it waits for the next cell."""
        assert self._loop is not None
        waiting, self._recorder.to_kernel[:] = list(self._recorder.to_kernel), []
        for content in waiting:
            self._handle(self._request("comm_msg", content) | {"buffers": []}, self._kernel.comm_manager.comm_msg)
        for _ in range(SETTLE if is_made(self._loop) and asyncio.all_tasks(self._loop) else 0):
            self._loop.run_until_complete(asyncio.sleep(0))

    def _execute(self, request: dict[str, Any]) -> None:
        """Let the kernel run a cell: without a task, if it awaits nothing and none before used the event loop."""
        if is_made(self._loop) or not self.shell.is_synchronous(request["content"]["code"]):
            self._handle(request, self._kernel.execute_request)
            return
        assert self._loop is not None
        self._printed.parent = request["header"]["msg_id"]
        with running(self._loop):
            self._context.run(self._execute_at_once, request)

    def _execute_at_once(self, request: dict[str, Any]) -> None:
        self._kernel.set_parent([], request, channel="shell")
        self._receive("status", {"execution_state": "busy"}, request["header"]["msg_id"])
        self._kernel.execute_at_once(request)

    def _handle(self, request: dict[str, Any], handler: Callable[..., Any]) -> None:
        """Let the kernel handle `request`, in the one context that all cells share."""
        assert self._loop is not None
        self._printed.parent = request["header"]["msg_id"]
        task = self._loop.create_task(self._dispatch(request, handler), context=self._context)
        try:
            self._loop.run_until_complete(task)
        finally:
            task.cancel()

    async def _dispatch(self, request: dict[str, Any], handler: Callable[..., Any]) -> None:
        self._kernel.set_parent([], request, channel="shell")
        self._receive("status", {"execution_state": "busy"}, request["header"]["msg_id"])
        result = handler(None, [], request)
        if result is not None:
            await result

    def _receive(self, kind: str, content: dict[str, Any], parent: str) -> None:
        self._recorder.receive(kind, content, parent)

    def _publish_text(self, name: str, text: str, parent: str) -> None:
        if not text.isascii():  # a lone surrogate can't be sent
            text = text.encode("utf-8", "replace").decode("utf-8")
        self._recorder.receive("stream", {"name": name, "text": text}, parent)
