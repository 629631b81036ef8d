"""A fresh seed for numpy's global generator in every fork: `numpy.random.seed()` without its price.

Seeding runs through much of numpy, and a fork pays for each page of memory that it is the first to write to. The words
of the Mersenne Twister lie together in memory, at the address that `BitGenerator.ctypes` tells; whether they are laid
out as this module believes is checked once, before any fork, and where they aren't numpy seeds itself.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

WORDS = 624


class _State(ctypes.Structure):
    """`mt19937_state` of numpy's mt19937.h."""

    _fields_ = (("key", ctypes.c_uint32 * WORDS), ("position", ctypes.c_int))


class Seeds:
    """Seeds the generator that was loaded when this was made, or one that was loaded since.

    One that a cell put in its place (`numpy.random.set_bit_generator`) is the cell's own to seed.
    """

    def __init__(self) -> None:
        self._generator: Any = None  # kept, since the state lies in its memory
        self._state: _State | None = None
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return
        numpy.random.seed()
        try:
            self._generator = numpy.random.get_bit_generator()
            state = _State.from_address(self._generator.ctypes.state_address)
            name, key, position, has_gauss, _ = numpy.random.get_state()
        except (AttributeError, ValueError):  # an older numpy, or a generator of another kind
            return
        if name == "MT19937" and bytes(state.key) == key.tobytes() and state.position == position and not has_gauss:
            self._state = state

    def renew(self) -> None:
        """Give `numpy.random` a state that nobody else has. `random` does so by itself in a fork."""
        state, numpy = self._state, sys.modules.get("numpy")
        if state is not None:
            ctypes.memmove(state.key, os.urandom(4 * WORDS), 4 * WORDS)
            state.position = WORDS  # all words are used up: the next draw mixes them
        elif numpy is not None:
            numpy.random.seed()
