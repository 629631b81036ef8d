"""What of a kernel's messages ends up in a notebook: nbclient's rules, and the caps of one cell's output.

Owns the outputs of every cell that ran, the displays that may still be updated, and the mimic of output widgets.
Refuses messages of any cell but the running one, as nbclient does. Pure: it knows nothing of IPython.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

CELL_OUTPUT = 4 * 1024 * 1024
TRUNCATED = "\n... Output truncated ...\n"
TRACEBACK_LINES = 400
TRACEBACK_WIDTH = 20000
NO_TRACEBACK = "ERROR: An error occurred while showtraceback was disabled"
TIMEOUT = {
    "output_type": "error",
    "ename": "CellTimeoutError",
    "evalue": "",
    "traceback": ["\x1b[0;31mCellTimeoutError\x1b[0m: No reply from kernel before timeout"],
}
CAPPED = ("stream", "display_data", "update_display_data")
SHOWN = ("stream", "display_data", "execute_result", "error")

Output = dict[str, Any]


def stamp() -> str:
    """The time, as nbclient writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def add_timeout(record: dict[str, Any]) -> None:
    """What nbclient and nbgrader add to a cell that was interrupted for taking too long."""
    if not any(o["output_type"] == "error" and o["ename"] == TIMEOUT["ename"] for o in record["outputs"]):
        record["outputs"].append(dict(TIMEOUT))


class Recorder:
    """The outputs of the cells that ran, as nbclient would have written them into the notebook."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget every cell."""
        self._cells: dict[int, list[Output]] = {}
        self._displays: dict[str, dict[int, list[int]]] = {}
        self._widgets: dict[str, OutputWidget] = {}
        self._hooks: dict[str, list[OutputWidget]] = {}
        self._updated: set[int] = set()
        self._index, self._parent = -1, ""
        self.to_kernel: list[dict[str, Any]] = []  # what a front end would answer to widgets

    def begin(self, index: int, parent: str) -> None:
        """The cell at `index` starts; only messages caused by `parent` are its own."""
        self._index, self._parent = index, parent
        self._cells[index] = []
        self._clear_next, self._printed = False, 0
        self._reply: dict[str, Any] | None = None
        self._timing: dict[str, str] = {}

    def end(self, count: int) -> dict[str, Any]:
        """The cell's record."""
        outputs = self._cells[self._index]
        self._add_unshown(outputs)
        self._updated.discard(self._index)
        record = {
            "cell": self._index,
            "outputs": outputs,
            "execution_count": count,
            "timing": self._timing,
            "updates": {index: self._cells[index] for index in sorted(self._updated)},
        }
        self._updated.clear()
        self._parent = ""
        return record

    def add_error(self, ename: str, evalue: str, traceback: list[str]) -> None:
        """An error that no message told of."""
        error = {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": traceback}
        self._cells[self._index].append(error)

    def receive(self, kind: str, content: dict[str, Any], parent: str) -> None:
        """A message from the kernel; `content` is what JSON made of it."""
        if not self._parent or parent != self._parent:
            return
        if kind == "execute_reply":
            self._reply = content
            self._timing["shell.execute_reply"] = stamp()
        elif kind == "status":
            self._timing[f"iopub.status.{content['execution_state']}"] = stamp()
        elif kind == "execute_input":
            self._timing["iopub.execute_input"] = stamp()
        elif not self._over_cap(kind, content):
            self._process(kind, content)

    def _over_cap(self, kind: str, content: dict[str, Any]) -> bool:
        if kind == "error":
            content["traceback"] = [line[:TRACEBACK_WIDTH] for line in content["traceback"][:TRACEBACK_LINES]]
        if kind not in CAPPED:
            return False
        used, size = self._printed, size_of(content)
        if used > CELL_OUTPUT:
            return True
        self._printed = used + size
        if self._printed > CELL_OUTPUT and kind == "stream":
            content["text"] = content["text"][: CELL_OUTPUT - used] + TRUNCATED
        return False

    def _process(self, kind: str, content: dict[str, Any]) -> None:
        display = (content.get("transient") or {}).get("display_id")
        if display and kind in ("execute_result", "display_data", "update_display_data"):
            self._update_display(display, content)
        if kind == "clear_output":
            self._clear(content)
        elif kind.startswith("comm"):
            self._talk(kind, content)
        elif kind in SHOWN:
            self._show(kind, content, display)

    def _show(self, kind: str, content: dict[str, Any], display: str | None) -> None:
        if hooks := self._hooks.get(self._parent):
            hooks[-1].show(build_output(kind, content))
            return
        outputs = self._cells[self._index]
        if self._clear_next:
            self._clear_now()
        if display:
            self._displays.setdefault(display, {}).setdefault(self._index, []).append(len(outputs))
        add_output(outputs, build_output(kind, content))

    def _update_display(self, display: str, content: dict[str, Any]) -> None:
        new = build_output("display_data", content)
        for index, places in self._displays.get(display, {}).items():
            for place in places:
                if place < len(self._cells[index]):
                    self._cells[index][place] |= {"data": new["data"], "metadata": new["metadata"]}
                    self._updated.add(index)

    def _clear(self, content: dict[str, Any]) -> None:
        wait = bool(content.get("wait"))
        if hooks := self._hooks.get(self._parent):
            hooks[-1].clear(wait)
        elif wait:
            self._clear_next = True
        else:
            self._clear_now()

    def _clear_now(self) -> None:
        self._cells[self._index].clear()
        for places in self._displays.values():
            if self._index in places:
                places[self._index] = []
        self._clear_next = False

    def _talk(self, kind: str, content: dict[str, Any]) -> None:
        """A widget speaks. Of all widgets only Output changes where outputs go."""
        name, state = content["comm_id"], (content.get("data") or {}).get("state")
        if kind == "comm_open" and content.get("target_name") == "jupyter.widget" and isinstance(state, dict):
            if (state.get("_model_module"), state.get("_model_name")) == ("@jupyter-widgets/output", "OutputModel"):
                self._widgets[name] = OutputWidget(name, state, self.to_kernel)
        elif kind == "comm_msg" and name in self._widgets and isinstance(state, dict) and "msg_id" in state:
            widget, message = self._widgets[name], state["msg_id"]
            if message:
                self._hooks.setdefault(message, []).append(widget)
            elif self._hooks.get(widget.listens):
                self._hooks[widget.listens].pop()
            widget.listens = message or ""

    def _add_unshown(self, outputs: list[Output]) -> None:
        """nbgrader's rule: an error that was only replied, not shown, is an error all the same."""
        reply = self._reply
        if reply is None or reply["status"] != "error":
            return
        if not any(o["output_type"] == "error" and o["ename"] == reply["ename"] for o in outputs):
            traceback = [line[:TRACEBACK_WIDTH] for line in reply["traceback"][:TRACEBACK_LINES]]
            self.add_error(reply["ename"], reply["evalue"], traceback or [NO_TRACEBACK])


class OutputWidget:
    """nbclient's mimic of an Output widget: it takes what is shown while it listens, and tells the kernel."""

    def __init__(self, name: str, state: dict[str, Any], to_kernel: list[dict[str, Any]]) -> None:
        self.name, self.listens = name, ""
        self._outputs: list[Output] = list(state.get("outputs") or ())
        self._to_kernel = to_kernel
        self._clear_next = False

    def show(self, output: Output) -> None:
        if self._clear_next:
            self._outputs, self._clear_next = [], False
        add_output(self._outputs, output)
        self._tell()

    def clear(self, wait: bool) -> None:
        if wait:
            self._clear_next = True
        else:
            self._outputs = []
            self._tell()

    def _tell(self) -> None:
        state = {"outputs": [dict(output) for output in self._outputs]}
        data = {"method": "update", "state": state, "buffer_paths": []}
        self._to_kernel.append({"comm_id": self.name, "data": data})


def add_output(outputs: list[Output], output: Output) -> None:
    """Append, joining text to a neighbour of the same stream."""
    last = outputs[-1] if outputs else None
    if last and output["output_type"] == last["output_type"] == "stream" and output["name"] == last["name"]:
        last["text"] += output["text"]
    else:
        outputs.append(output)


def build_output(kind: str, content: Mapping[str, Any]) -> Output:
    """An output of nbformat 4 from a message's content."""
    if kind == "stream":
        return {"output_type": kind, "name": content["name"], "text": content["text"]}
    if kind == "error":
        return {"output_type": kind, **{key: content[key] for key in ("ename", "evalue", "traceback")}}
    output = {"output_type": kind, "metadata": content.get("metadata") or {}, "data": bundle(content["data"])}
    if kind == "execute_result":
        output["execution_count"] = content["execution_count"]
    return output


def bundle(data: Mapping[str, Any]) -> dict[str, Any]:
    """The MIME types that nbformat takes: text, and any JSON for the JSON types."""
    return {
        kind: value
        for kind, value in data.items()
        if isinstance(value, str)
        or kind == "application/json"
        or kind.endswith("+json")
        or (isinstance(value, list) and all(isinstance(line, str) for line in value))
    }


def size_of(content: Mapping[str, Any]) -> int:
    """Roughly how many bytes a message will take in a notebook."""
    if "text" in content:
        return len(content["text"])
    return sum(len(value) if isinstance(value, str) else 1024 for value in content.get("data", {}).values())
