"""Whatever the work side sends, a test sees a fault of the link, never a student's error, a value or a hang."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

import pytest

from grader.judge.faults import LinkClosed, LinkFault, ProtocolFault
from grader.judge.judge import JudgeSide
from grader.judge.link import LIMIT


class Stage:
    """A shell that only keeps names and what is printed."""

    def __init__(self):
        self.namespace = {"__name__": "__main__"}
        self.text = ""

    def use_namespace(self, namespace):
        self.namespace = namespace

    def write(self, name, text):
        self.text += text

    def capture(self):
        return contextlib.nullcontext([])


SYNC = b"(\x03(\x00(\x00(\x03(\x00(\x00(\x00\x00"  # nothing dropped, released, printed, outdated, changed


def frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def reply(number: int, value: bytes, sync: bytes = SYNC, kind: bytes = b"R") -> bytes:
    return frame(kind + struct.pack("<q", number) + sync + value)


OBJECT = b"(\x08s\x08__main__s\x01XNF(\x00(\x00NF\x00"  # describes a class X without anything
LIES = {
    "garbage": b"\xff" * 64,
    "a frame beyond the limit": struct.pack(">I", LIMIT + 1),
    "an empty frame": frame(b""),
    "another question's answer": reply(40, b"(\x01N"),
    "an answer that is cut off": reply(2, b"(\x02N"),
    "an answer with something behind it": reply(2, b"(\x01NN"),
    "a value where a row was due": reply(2, b"N"),
    "a handle without a class": reply(2, b"(\x01h" + b"\x01" + b"\x00" * 7 + b"N"),
    "a class that was never shown": reply(2, b"(\x01h" + b"\x01" + b"\x00" * 7 + b"K" + b"\x09" + b"\x00" * 7),
    "a class badly described": reply(2, b"(\x01k" + b"\x00" * 8 + b"(\x01N\x00"),
    "a class that derives from a value": reply(2, b"(\x01k" + b"\x00" * 8 + OBJECT[:-1] + b"\x01j\x05"),
    "a handle of ours that was never given": reply(2, b"(\x01B" + b"\x05" + b"\x00" * 7),
    "a class of ours that was never given": reply(2, b"(\x01Q" + b"\x05" + b"\x00" * 7),
    "a function of a library": reply(2, b"(\x01G(\x02s\x02oss\x06system"),
    "a class of a library": reply(2, b"(\x01G(\x02s\nsubprocesss\x05Popen"),
    "a builtin function": reply(2, b"(\x01G(\x02s\x08builtinss\x04eval"),
    "a module": reply(2, b"(\x01G(\x02s\x02oss\x00"),
    "an instance made of a library's class": reply(
        2, b"(\x01O" + b"\x02" + b"\x00" * 7 + b"G(\x02s\x08builtinss\x06object\x00"
    ),
    "an exception that is none": reply(2, b"(\x07j\x01(\x00N(\x00s\x00(\x00(\x02(\x00(\x00", kind=b"X"),
    "an exception of the link's own": reply(
        2, b"(\x07G(\x02s\x13grader.judge.faultss\rProtocolFault(\x00N(\x00s\x00(\x00(\x02(\x00(\x00", kind=b"X"
    ),
    "a change of what was never sent": reply(2, b"(\x01N", sync=SYNC[:-1] + b"\x01" + b"\x08" + b"\x00" * 7 + b"\x00"),
    "text that is none": reply(2, b"(\x01N", sync=b"(\x03(\x00(\x00(\x03j\x01(\x00(\x00\x00"),
    "a question of another kind": frame(b"Z" + b"\x00" * 20),
    "a question that is none": frame(b"Q" + struct.pack("<q", 1) + SYNC + b"j\x01"),
}


@pytest.fixture
def stage():
    ours, theirs = socket.socketpair()
    shell = Stage()
    side = JudgeSide(ours, shell)
    yield side, shell, theirs
    ours.close()
    theirs.close()


def play(theirs: socket.socket, data: bytes, close: bool = False) -> None:
    """Take one question, answer `data`, then close or answer nothing more."""
    with contextlib.suppress(OSError):
        theirs.recv(1 << 16)
        theirs.sendall(data)
        if close:
            theirs.close()


def run_cell(side, shell, source: str) -> tuple[BaseException | None, dict]:
    side.begin({"role": "test"})
    raised: BaseException | None = None
    try:
        exec(compile(source, "<test>", "exec"), shell.namespace)
    except BaseException as error:
        raised = error
    return raised, side.end()


@pytest.mark.parametrize("data", LIES.values(), ids=LIES)
def test_a_lie_is_a_fault_that_the_test_does_not_catch(data, stage):
    side, shell, theirs = stage
    talker = threading.Thread(target=play, args=(theirs, data))
    talker.start()
    raised, evidence = run_cell(side, shell, "try:\n    answer\nexcept Exception:\n    pass")
    talker.join(10)
    assert isinstance(raised, ProtocolFault)
    assert len(evidence["faults"]) >= 1


def test_a_side_that_goes_away_is_a_fault(stage):
    side, shell, theirs = stage
    theirs.close()
    raised, evidence = run_cell(side, shell, "answer")
    assert isinstance(raised, LinkClosed)
    assert evidence["faults"]


def test_a_side_that_speaks_unasked_is_a_fault(stage):
    side, shell, theirs = stage
    theirs.sendall(reply(2, b"(\x01j\x05"))
    raised, _ = run_cell(side, shell, "answer")
    assert isinstance(raised, ProtocolFault)


def test_after_a_fault_nothing_is_asked_any_more(stage):
    side, shell, theirs = stage
    theirs.sendall(b"\xff" * 64)
    assert isinstance(run_cell(side, shell, "answer")[0], LinkFault)
    raised, evidence = run_cell(side, shell, "answer")
    assert isinstance(raised, ProtocolFault)
    assert evidence["faults"]


def test_a_fault_that_a_bare_except_swallows_stands_in_the_evidence(stage):
    side, shell, theirs = stage
    theirs.sendall(b"\xff" * 64)
    raised, evidence = run_cell(side, shell, "try:\n    answer\nexcept:\n    passed = True")
    assert raised is None
    assert evidence["faults"]


def test_a_stalling_side_is_interrupted_with_the_cell(stage):
    import signal

    side, shell, _ = stage

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        raised, evidence = run_cell(side, shell, "answer")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert isinstance(raised, KeyboardInterrupt)
    assert evidence["faults"]  # the last word of the cell got no answer either
