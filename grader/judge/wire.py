"""Values as bytes: one tag byte each, lengths, contents. Reading executes nothing and goes no deeper than allowed.

    N T F . !             None, True, False, Ellipsis, NotImplemented
    j i I f c             int of 1 byte, of 8, of any length; float; complex
    s b (                 str, bytes, tuple
    x <code> <parts>      a frozen value (see `kinds`)
    M <number> <code> ..  a mutable value, sent for the first time
    m <number>            a mutable value that both sides have
    O <number> <class> .. an instance of a class that both sides have, by its state
    # % & =               rows of values that are alike (see `rows`)
    others                objects that stay where they are: the peer's (see `Foreign`)

Whatever is no well-formed value is a ProtocolFault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from grader.judge.reader import Reader
    from grader.judge.writer import Writer

DEPTH = 150
BYTES = 64 * 1024 * 1024
INT_BYTES = 1 << 17
SHORT, MOST_TEXTS = 200, 4096  # texts of so many bytes, and how many of them, each half remembers within a message


class Foreign(Protocol):
    """What a peer does about objects that are not values."""

    def export(self, writer: Writer, obj: Any) -> None: ...

    def bring_in(self, reader: Reader, tag: int) -> Any: ...

    def forget_classes(self, kinds: list[type]) -> None: ...
