"""Runs a notebook's code cells with nbclient, inside the sandbox, and reports each cell as soon as it is done.

A script of its own: it is bound into the private root and imports nothing of this package. Reads a job from
descriptor 3, writes one JSON record a line to standard output. Settings follow nbgrader's Execute preprocessor.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import sys
import time
import warnings
from typing import Any

JOB = 3
PR_SET_DUMPABLE = 4
CELL_OUTPUT = 4 * 1024 * 1024
TRUNCATED = "\n... Output truncated ...\n"


def main() -> None:
    """Run the job; the namespace's end, not a polite shutdown, stops the kernel."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # the student's code has our uid: keep it out of /proc/<us>
    with os.fdopen(JOB, "rb") as handle:
        job = json.load(handle)
    channel = os.fdopen(os.dup(1), "wb", buffering=0)  # not inherited by the kernel
    os.dup2(2, 1)
    send = Sender(channel)
    try:
        asyncio.run(run(job, send))
    except BaseException as error:
        send({"end": "died", "why": f"{type(error).__name__}: {error}"[:2000]})
    os._exit(0)


class Sender:
    """Writes records to the worker."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel

    def __call__(self, record: dict[str, Any]) -> None:
        data = json.dumps(record, ensure_ascii=True).encode() + b"\n"
        view = memoryview(data)
        while view:
            view = view[self.channel.write(view) :]


async def run(job: dict[str, Any], send: Sender) -> None:
    """Run every code cell in order until all are done, time is up, or the kernel is dead."""
    warnings.simplefilter("ignore")
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    # jsonschema would parse a grammar of web addresses with it, for more than a second; notebooks need none
    import nbformat.v4
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError

    nb = nbformat.v4.new_notebook(metadata=job["metadata"])
    nb.cells = [nbformat.from_dict(cell) for cell in job["cells"]]
    client = build_client(nb, job)
    try:
        await client.async_start_new_kernel(cwd=os.getcwd())
    except NoSuchKernel:
        sys.stderr.write(f"no kernel called {client.kernel_name!r} here: running with python3\n")
        client.kernel_name = "python3"
        client.km = None
        client.km = client.create_kernel_manager()
        await client.async_start_new_kernel(cwd=os.getcwd())
    await client.async_start_new_kernel_client()
    info = await client.async_wait_for_reply(client.kc.kernel_info())
    send({"ready": True, "language_info": info["content"].get("language_info") if info else None})
    client.stop_at = time.monotonic() + job["wall"]
    for index, cell in enumerate(nb.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if time.monotonic() >= client.stop_at:
            send({"end": "timeout"})
            return
        try:
            await client.async_execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
        except DeadKernelError:
            send({"end": "died", "why": "kernel"})
            return
        client.updated.discard(index)
        send(record_of(index, cell))
    for index in sorted(client.updated):  # displays that later cells changed
        send(record_of(index, nb.cells[index]))
    send({"end": "finished"})


def record_of(index: int, cell: Any) -> dict[str, Any]:
    """What goes back for one cell."""
    return {
        "cell": index,
        "outputs": cell.outputs,
        "execution_count": cell.execution_count,
        "timing": cell.metadata.get("execution", {}),
    }


def build_client(nb: Any, job: dict[str, Any]) -> Any:
    """nbclient, set up as nbgrader's Execute is, with a cap on what one cell may print."""
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbformat.notebooknode import NotebookNode

    class Client(NotebookClient):  # type: ignore[misc]
        stop_at = float("inf")

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.printed: dict[int, int] = {}
            self.updated: set[int] = set()
            super().__init__(*args, **kwargs)

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            kind = msg["msg_type"]
            content = msg["content"]
            if kind in ("stream", "display_data", "update_display_data"):
                used = self.printed.get(cell_index, 0)
                if used > CELL_OUTPUT:
                    return None
                self.printed[cell_index] = used + size_of(content)
                if used + size_of(content) > CELL_OUTPUT and kind == "stream":
                    content["text"] = content["text"][: CELL_OUTPUT - used] + TRUNCATED
            elif kind == "error":
                content["traceback"] = [line[:20000] for line in content["traceback"][:400]]
            return super().process_message(msg, cell, cell_index)

        def _update_display_id(self, display_id: str, msg: Any) -> None:
            self.updated.update(self._display_id_map.get(display_id, {}))
            super()._update_display_id(display_id, msg)

        def on_cell_executed(self, **kwargs: Any) -> None:
            """nbgrader's rule: an error that was only replied, not shown, is an error all the same."""
            cell, reply = kwargs["cell"], kwargs["execute_reply"]
            if reply is None or reply["content"]["status"] != "error":
                return
            content = reply["content"]
            shown = any(o.output_type == "error" and o.ename == content["ename"] for o in cell.outputs)
            if not shown:
                traceback = content["traceback"] or ["ERROR: An error occurred while showtraceback was disabled"]
                error = {"output_type": "error", "ename": content["ename"], "evalue": content["evalue"]}
                cell.outputs.append(NotebookNode(error, traceback=traceback))

    cell_limit = job["cell"] or job["wall"]
    client = Client(
        nb,
        kernel_name=job["kernel"],
        kernel_manager_class=AsyncKernelManager,
        extra_arguments=["--HistoryManager.hist_file=:memory:"],
        allow_errors=True,
        interrupt_on_timeout=True,
        error_on_timeout={
            "ename": "CellTimeoutError",
            "evalue": "",
            "traceback": ["\x1b[0;31mCellTimeoutError\x1b[0m: No reply from kernel before timeout"],
        },
        raise_on_iopub_timeout=False,
        startup_timeout=60,
    )
    client.timeout_func = lambda cell: max(1.0, min(cell_limit, client.stop_at - time.monotonic()))
    client.reset_execution_trackers()
    client.km = client.create_kernel_manager()
    return client


def size_of(content: dict[str, Any]) -> int:
    """Roughly how many bytes a message will take in a notebook."""
    if "text" in content:
        return len(content["text"])
    return sum(len(value) if isinstance(value, str) else 1024 for value in content.get("data", {}).values())


if __name__ == "__main__":
    main()
