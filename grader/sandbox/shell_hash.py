"""The hash of a cell's source: MurmurHash2 (https://github.com/aappleby/smhasher) as ipykernel.compiler computes it.

Owns the arithmetic, four bytes at a time where ipykernel goes byte by byte, and remembers what it found: the worker
asks for the same cells again and again. Standard library only.
"""

from __future__ import annotations

import struct
from functools import lru_cache

SEED = 0xC70F6907  # ipykernel.compiler.get_tmp_hash_seed
FACTOR = 0x5BD1E995
WORD = 0xFFFFFFFF


def hash_of(source: str) -> int:
    """The hash in 32 bits by which ipykernel names a cell's code."""
    data = source.encode()
    whole, rest = divmod(len(data), 4)
    found = SEED ^ len(data)
    for word in struct.unpack_from(f"<{whole}I", data):
        mixed = word * FACTOR & WORD
        found = found * FACTOR & WORD ^ (mixed ^ mixed >> 24) * FACTOR & WORD
    if rest:
        found = (found ^ int.from_bytes(data[-rest:], "little")) * FACTOR & WORD
    found = (found ^ found >> 13) * FACTOR & WORD
    return found ^ found >> 15


@lru_cache(maxsize=2048)
def kept_hash_of(source: str) -> int:
    """`hash_of` for cells that come again."""
    return hash_of(source)
