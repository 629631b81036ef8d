"""ipykernel's own kernel and shell, in this process and without a socket: its messages go to a function.

Owns the classes that stand for the kernel, its session and its shell, so that `get_ipython()` and what hangs on it are
what students know. Makes no thread, no event loop and no connection. Refuses nothing by itself.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

from ipykernel.compiler import XCachingCompiler
from ipykernel.ipkernel import IPythonKernel
from ipykernel.jsonutil import json_clean
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShellABC
from IPython.core.profiledir import ProfileDir
from IPython.external.pickleshare import PickleShareDB
from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait
from traitlets import Instance, Type, observe
from traitlets.config import Config

from grader.sandbox.shell_compiler import OwnCompiler
from grader.sandbox.shell_transforms import OwnTransforms

Receive = Callable[[str, dict[str, Any], str], None]
KEY = b"in one process"
AWAITS = re.compile("await|async")


class OwnSession(Session):  # type: ignore[misc]
    """Gives every message, after its way through JSON, to `receive`; drops those of forked processes, as zmq's does."""

    receive = AnyTrait()

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        if os.getpid() != self.pid:
            return None
        message = msg_or_type
        if not isinstance(message, dict):
            message = self.msg(msg_or_type, content, parent, header, metadata)
        self.receive(
            message["header"]["msg_type"], self._through_json(message), message["parent_header"].get("msg_id", "")
        )
        return message

    def _through_json(self, message: dict[str, Any]) -> Any:
        try:
            data = json.dumps(message["content"], default=json_default, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):  # the session cleans what JSON has no words for, and warns
            return self.unpack(self.serialize(message)[-1])
        return self.unpack(data.encode("utf-8", "surrogateescape"))


class OwnShell(ZMQInteractiveShell):  # type: ignore[misc]
    """The kernel's shell, in a process that has another HOME in every job and stays until its last cell."""

    input_transformer_manager = Instance(OwnTransforms, ())
    _own_db: Any = None

    @property
    def db(self) -> Any:
        """What `%store` writes to: below HOME, which is another one in every job, not in the warm parent's profile."""
        if self._own_db is None:
            self._own_db = PickleShareDB(os.path.expanduser("~/.ipython/profile_default/db"))
        return self._own_db

    def is_synchronous(self, code: str) -> bool:
        """Whether a cell is known not to await anything, without compiling it to find out."""
        return (
            self.input_transformer_manager.is_usual() and not self.input_transformers_post and not AWAITS.search(code)
        )

    def should_run_async(
        self, raw_cell: str, *, transformed_cell: str | None = None, preprocessing_exc_tuple: Any = None
    ) -> bool:
        if transformed_cell is not None and AWAITS.search(transformed_cell) is None:
            return False
        found: bool = super().should_run_async(
            raw_cell, transformed_cell=transformed_cell, preprocessing_exc_tuple=preprocessing_exc_tuple
        )
        return found

    @observe("exit_now")  # type: ignore[untyped-decorator]
    def _update_exit_now(self, change: Any) -> None:
        """`exit` ends a kernel a moment later; an interpreter that is judged stays until its last cell."""


InteractiveShellABC.register(OwnShell)


class _NoChannel:
    """In place of the thread that receives a kernel's requests."""

    @property
    def parent_thread(self) -> threading.Thread:
        return threading.main_thread()


class _WakingLoop:
    """The event loop, which wakes for a callback that comes from a signal: an awaiting cell is interrupted at once."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop

    def add_callback(self, callback: Callable[..., Any], *args: Any) -> None:
        self._loop.asyncio_loop.call_soon_threadsafe(callback, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class OwnKernel(IPythonKernel):  # type: ignore[misc]
    """The kernel without its threads: a cell is run by calling `execute_request`."""

    shell_class = Type(OwnShell)
    compiler_class = Type(OwnCompiler)
    _execute_sleep = 0.0

    @property
    def io_loop(self) -> Any:
        return _WakingLoop(IOLoop.current())

    async def execute_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Run a cell: as ipykernel runs it, and where it awaits nothing less what only a front end would hear."""
        if self.shell.is_synchronous(parent["content"]["code"]):
            self.execute_at_once(parent)
        else:
            await super().execute_request(stream, ident, parent)

    def execute_at_once(self, parent: dict[str, Any]) -> None:
        """Run a cell that awaits nothing."""
        code, told = parent["content"]["code"], parent["header"]["msg_id"]
        self.session.receive("execute_input", {}, told)
        self._forward_input(False)
        try:
            result = self.shell.run_cell(code, store_history=True, silent=False, cell_meta=parent["metadata"])
        finally:
            self._restore_input()
        sys.stdout.flush()
        sys.stderr.flush()
        self.shell.payload_manager.clear_payload()
        if result.success and not self.shell._last_traceback_during_displayhook:
            self.session.receive("execute_reply", {"status": "ok"}, told)
            return
        error = result.error_in_exec if result.error_before_exec is None else result.error_before_exec
        content: dict[str, Any] = {"status": "error", "ename": type(error).__name__, "evalue": str(error)}
        content["traceback"] = self.shell._last_traceback or []
        self.session.send(None, "execute_reply", json_clean(content), parent)


for _own, _known in (
    (OwnSession, Session),
    (OwnShell, ZMQInteractiveShell),
    (OwnKernel, IPythonKernel),
    (OwnTransforms, TransformerManager),
    (OwnCompiler, XCachingCompiler),
):
    _own.__name__, _own.__qualname__, _own.__module__ = _known.__name__, _known.__qualname__, _known.__module__


def leave_debugger_out() -> None:
    """Have ipykernel find no debugpy: nobody can reach it here, and it would add half to what a fork has to copy."""
    absent: Any = None
    if "debugpy" not in sys.modules:
        sys.modules["debugpy"] = absent
        os.environ.setdefault("PYDEVD_USE_FRAME_EVAL", "NO")  # what it leaves where programs of a cell can see it
        try:
            importlib.import_module("ipykernel.debugger")
        finally:
            del sys.modules["debugpy"]


def build_kernel(receive: Receive, profile: str) -> Any:
    """A kernel that keeps its profile in the folder `profile` and its history in memory."""
    log = logging.getLogger("IPKernelApp")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    log.setLevel(logging.WARNING)  # as ipykernel's own; nobody would read the rest
    leave_debugger_out()
    app = IPKernelApp.instance(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
    kernel = OwnKernel.instance(
        parent=app,
        session=OwnSession(key=KEY, receive=receive),
        profile_dir=ProfileDir.create_profile_dir(profile),
        iopub_socket=object(),
        shell_channel_thread=_NoChannel(),
        log=log,
    )
    app.kernel, app.shell = kernel, kernel.shell
    for extension in app.default_extensions:
        kernel.shell.extension_manager.load_extension(extension)
    use_interruptible_debugger()
    return kernel


def use_interruptible_debugger() -> None:
    """What ipykernel's start does to pdb."""
    import pdb

    from IPython.core import debugger

    debugger.Pdb = debugger.InterruptiblePdb
    pdb.Pdb = debugger.Pdb  # type: ignore[misc]
    pdb.set_trace = debugger.set_trace
