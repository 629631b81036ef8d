"""The loop of an interpreter that is watched: it runs cells, and tells what it sees around them.

Owns the channel from then on. It reads and writes by functions in C that were looked up before the student's code came,
so that nothing replaced since can answer for it, or learn the token that an answer has to bear.
"""

from __future__ import annotations

import _thread
import builtins
import codecs
import io
import json.encoder
import json.scanner
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from json.decoder import JSONDecoder
from typing import Any, cast

from grader.watch.alarm import set_alarm
from grader.watch.classes import watch_classes
from grader.watch.code import is_library
from grader.watch.hiding import hide_tests
from grader.watch.standing import stand
from grader.watch.values import new_notes, recorder

globals()["__builtins__"] = dict(vars(builtins))

MOST = 500
LONGEST = 200
OURS = "grader.watch"
CODECS = ("utf-8", "ascii", "latin-1", "utf-8-sig", "utf-16", "cp949", "euc-kr")
PLAIN = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, type(None))


def serve(channel: Any, kernel_shell: Any, run: Callable[..., dict[str, Any]], command: Mapping[str, Any]) -> None:
    """Watch from now on, and do what comes over `channel` until the command "end". `run` is the Shell's."""
    send, receive = _framing(channel)
    shell = kernel_shell
    set_alarm(lambda what: send({"token": command["alarm"], "alarm": what[:LONGEST]}))
    changed_files = _watch_files(command["files"])
    genuine = {alias: _resolve(*place) for alias, place in command["genuine"].items()}
    expect = hide_tests(shell)
    _forget_ourselves()
    stands = stand(_parts(shell), _lists(shell))
    telling = watch_classes()
    space = shell.user_ns
    notes = new_notes()
    send({"token": command["token"]})
    while True:
        order = receive()
        answer: dict[str, Any] = {}
        if order["op"] == "end":
            return
        if order["op"] == "run":
            guard = (order["context"] or {}).get("guard", "")
            before = dict(space) if guard == "aside" else None
            name = f"_{order['token']}"
            if guard in ("test", "aside"):
                notes = new_notes()
                space[name] = recorder(notes)
            if guard == "aside":
                space.update(genuine)
                for hidden in order["context"]["without"]:
                    space.pop(hidden, None)
            expect("test" if guard == "aside" else guard, name)
            try:
                answer = run(order["cell"], order["source"], count=order["count"])
            except KeyboardInterrupt:  # it hit between the cell and here
                answer = {"cell": order["cell"], "outputs": [], "execution_count": None, "timing": {}, "updates": {}}
            expect("", "")
            space.pop(name, None)
            if before is not None:
                _put_back(space, before)
        elif order["op"] == "look":
            seen = [f"changed {what}" for what in stands()] + [f"class {what}" for what in telling()]
            seen += [f"file {what}" for what in changed_files()]
            if shell.user_ns is not space or type(space) is not dict:
                seen.append("changed namespace")
            seen += [f"{kind} {item}" for kind in ("reached", "false", "type") for item in getattr(notes, kind)]
            answer = {"seen": [text[:LONGEST] for text in seen[:MOST]], "ended": notes.ended, "result": notes.result}
        send({**answer, "token": order["token"]})


def _framing(channel: Any) -> tuple[Callable[[dict[str, Any]], None], Callable[[], dict[str, Any]]]:
    header = struct.Struct(">I")
    pack, unpack = header.pack, header.unpack
    sendall, recv = channel.sendall, channel.recv
    quote = json.encoder.encode_basestring_ascii
    encode = json.encoder.c_make_encoder(None, repr, quote, None, ": ", ", ", False, False, True)  # type: ignore[attr-defined]
    decode: Any = json.scanner.make_scanner(cast(Any, JSONDecoder()))
    lock = _thread.RLock()

    def send(message: dict[str, Any]) -> None:
        body = "".join(encode(message, 0)).encode()
        with lock:
            sendall(pack(len(body)) + body)

    def read(length: int) -> bytes:
        parts = b""
        while len(parts) < length:
            part = recv(min(1 << 18, length - len(parts)))
            if not part:
                raise EOFError
            parts += part
        return parts

    def receive() -> dict[str, Any]:
        message: dict[str, Any] = decode(read(unpack(read(4))[0]).decode(), 0)[0]
        return message

    return send, receive


def _forget_ourselves() -> None:
    """Nobody finds these modules by name any more."""
    for name in [name for name in sys.modules if name == OURS or name.startswith(f"{OURS}.")]:
        del sys.modules[name]
    package = sys.modules.get("grader")
    if package is not None:
        vars(package).pop("watch", None)


def _resolve(module: str, attribute: str | None) -> Any:
    """What an import gives before anybody could put something else in its place; None where there is nothing."""
    path = list(sys.path)
    sys.path[:] = [entry for entry in path if is_library(f"{entry}/")]
    try:
        found = __import__(module, fromlist=["*"] if "." in module or attribute else [])
        return found if attribute is None else getattr(found, attribute, None)
    except Exception:
        return None
    finally:
        sys.path[:] = path


def _watch_files(names: list[str]) -> Callable[[], list[str]]:
    """The files among `names` that are there now; the result tells which are others by then."""
    read, check = io.open, zlib.crc32

    def sums() -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        for name in names:
            try:
                with read(name, "rb", 0) as handle:
                    found[name] = check(handle.read(1 << 24) or b"")
            except (OSError, ValueError):
                found[name] = None
        return found

    before = {name: value for name, value in sums().items() if value is not None}

    def changed() -> list[str]:
        now = sums()
        return [name for name, value in before.items() if now[name] != value]

    return changed


def _parts(shell: Any) -> list[tuple[str, Any]]:
    """Objects whose attributes no notebook replaces."""
    kernel, formatter = shell.kernel, shell.display_formatter
    named = {
        "get_ipython()": shell,
        "get_ipython().compile": shell.compile,
        "get_ipython().history_manager": shell.history_manager,
        "get_ipython().display_formatter": formatter,
        "get_ipython().displayhook": shell.displayhook,
        "get_ipython().display_pub": shell.display_pub,
        "get_ipython().events": shell.events,
        "get_ipython().input_transformer_manager": shell.input_transformer_manager,
        "get_ipython().InteractiveTB": shell.InteractiveTB,
        "get_ipython().kernel": kernel,
        "get_ipython().kernel.session": kernel.session,
    }
    named |= {f"the formatter of {kind}": found for kind, found in formatter.formatters.items()}
    named |= {f"codecs.lookup({name!r})": codecs.lookup(name) for name in CODECS}
    return list(named.items())


def _lists(shell: Any) -> list[tuple[str, Callable[[], Iterable[Any]]]]:
    """Where functions of the student's would see or change what tests do."""
    manager, text = shell.input_transformer_manager, shell.display_formatter.formatters["text/plain"]
    callbacks = shell.events.callbacks
    return [
        ("get_ipython().input_transformers_cleanup", lambda: manager.cleanup_transforms),
        ("get_ipython().input_transformer_manager.line_transforms", lambda: manager.line_transforms),
        ("get_ipython().input_transformer_manager.token_transformers", lambda: manager.token_transformers),
        ("get_ipython().input_transformers_post", lambda: shell.input_transformers_post),
        ("get_ipython().ast_transformers", lambda: shell.ast_transformers),
        ("get_ipython().events", lambda: [function for held in callbacks.values() for function in held]),
        ("sys.meta_path", lambda: sys.meta_path),
        ("sys.path_hooks", lambda: sys.path_hooks),
        ("the formatter of text/plain", lambda: [text.type_printers.get(kind) for kind in PLAIN]),
    ]


def _put_back(space: dict[str, Any], before: dict[str, Any]) -> None:
    for name in [name for name in space if name not in before]:
        del space[name]
    space.update(before)
