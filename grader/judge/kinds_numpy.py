"""Values of numpy: arrays of plain dtypes as bytes, of objects element by element, scalars, dtypes, generators."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from grader.judge.checks import exactly
from grader.judge.kinds import Entries, Frozen, Mutable, Parts

MOST = 256 * 1024 * 1024  # bytes one array may take
_DTYPE = re.compile(r"[<>|=]?(?:[biufc]\d{1,2}|[?]|[SUV]\d{1,7}|[mM]8(?:\[\d{0,6}(?:[YMWDhmsupfa]|[numpfa]s)\])?|O)")
_GENERATORS = ("PCG64", "MT19937", "PCG64DXSM", "Philox", "SFC64")


def split_dtype(dtype: np.dtype[Any]) -> Any:
    """A dtype as text, or as a tuple of fields."""
    if dtype.names is not None:
        if dtype.isalignedstruct or any(len(field) > 2 for field in dtype.fields.values()):  # type: ignore[union-attr]
            raise ValueError("a dtype with titles or padding")
        return tuple((name, split_dtype(dtype[name])) for name in dtype.names)
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return ("", split_dtype(base), shape)
    return dtype.str


def join_dtype(parts: Any) -> np.dtype[Any]:
    """The dtype of `split_dtype`; only plain ones are let in."""
    if type(parts) is str:
        if not _DTYPE.fullmatch(parts):
            raise ValueError("a dtype that does not cross the link")
        return np.dtype(parts)
    if len(exactly(tuple, parts)) == 3 and parts[0] == "":
        return np.dtype((join_dtype(parts[1]), parts[2]))
    return np.dtype([(exactly(str, name), join_dtype(inner)) for name, inner in parts])


def split_array(value: np.ndarray[Any, Any]) -> Parts:
    dtype = value.dtype
    if dtype.hasobject:
        if dtype.names is not None:
            raise ValueError("objects within a structured array")
        return ("|O", value.shape, "C", tuple(value.ravel().tolist()))
    order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    return (split_dtype(dtype), value.shape, order, value.tobytes("A" if order == "F" else "C"))


def join_array(parts: Parts) -> np.ndarray[Any, Any]:
    described, shape, order, data = parts
    count = math.prod(exactly(int, side) for side in exactly(tuple, shape))
    dtype = join_dtype(described)
    if len(shape) > 32 or any(side < 0 for side in shape) or count * max(dtype.itemsize, 1) > MOST:
        raise ValueError("a shape that does not fit")
    if dtype.hasobject:
        made = np.empty(count, dtype=object)
        if len(exactly(tuple, data)) != count:
            raise ValueError("another number of elements than the shape says")
        for place, element in enumerate(data):
            made[place] = element
        return made.reshape(shape)
    if len(exactly(bytes, data)) != count * dtype.itemsize:
        raise ValueError("another number of bytes than the shape says")
    flat = np.frombuffer(bytearray(data), dtype=dtype) if count and dtype.itemsize else np.zeros(count, dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _fill_array(target: np.ndarray[Any, Any], parts: Parts) -> None:
    made = join_array(parts)
    if made.dtype != target.dtype:
        raise TypeError("an array that changed its dtype")
    if made.shape != target.shape:
        target.resize(made.shape, refcheck=False)
    if not target.flags.writeable:
        raise ValueError("an array that can't be written changed")
    target[...] = made


def _split_scalar(value: np.generic) -> Parts:
    if value.dtype.names is not None:
        return (split_dtype(value.dtype), np.asarray(value).tobytes())
    return (value.dtype.str, value.tobytes())


def _join_scalar(parts: Parts) -> np.generic:
    described, data = parts
    dtype = join_dtype(described)
    if dtype.hasobject or dtype.itemsize != len(exactly(bytes, data)):
        raise ValueError("no scalar")
    if not dtype.itemsize:
        empty: np.generic = dtype.type()
        return empty
    made: np.generic = np.frombuffer(data, dtype=dtype)[0]
    return made


def _plain_state(state: Any) -> Any:
    """A bit generator's state with tuples in the place of dictionaries."""
    if type(state) is dict:
        return tuple((key, _plain_state(value)) for key, value in state.items())
    if isinstance(state, np.ndarray):
        return ("", str(state.dtype), state.tobytes())
    return state


def _state_of(plain: Any) -> Any:
    if type(plain) is tuple and plain and plain[0] == "":
        return np.frombuffer(exactly(bytes, plain[2]), dtype=join_dtype(np.dtype(plain[1]).str)).copy()
    if type(plain) is tuple:
        return {exactly(str, key): _state_of(value) for key, value in plain}
    return plain


def _split_generator(value: Any) -> Parts:
    bits = value.bit_generator
    if type(bits).__name__ not in _GENERATORS:
        raise ValueError("an unknown bit generator")
    return (type(bits).__name__, _plain_state(bits.state))


def _bits_of(parts: Parts) -> Any:
    name, state = parts
    if name not in _GENERATORS:
        raise ValueError("an unknown bit generator")
    bits = getattr(np.random, name)(0)
    bits.state = _state_of(state)
    return bits


def _join_generator(parts: Parts) -> np.random.Generator:
    return np.random.Generator(_bits_of(parts))


def _fill_generator(target: np.random.Generator, parts: Parts) -> None:
    target.bit_generator.state = _bits_of(parts).state


def _split_legacy(value: np.random.RandomState) -> Parts:
    state: Any = value.get_state()
    name, words, position, has_gauss, gauss = state
    return (name, words.tobytes(), position, has_gauss, gauss)


def legacy_state(parts: Parts) -> tuple[str, Any, int, int, float]:
    """A state that `numpy.random.set_state` takes."""
    name, words, position, has_gauss, gauss = parts
    array = np.frombuffer(exactly(bytes, words), dtype=np.uint32)
    if name != "MT19937" or len(array) != 624 or not 0 <= exactly(int, position) <= 624:
        raise ValueError("no state of a generator")
    return (name, array, position, exactly(int, has_gauss), exactly(float, gauss))


def _fill_legacy(target: np.random.RandomState, parts: Parts) -> None:
    target.set_state(legacy_state(parts))


def entries() -> Entries:
    """Every type with its kind."""
    yield np.ndarray, Mutable("na", split_array, _fill_array, join=join_array)
    scalar = Frozen("ns", _split_scalar, _join_scalar)
    for kind in {np.dtype(char).type for char in "?bBhHiIlLqQefdgFDGSUVMm"} | {np.longlong, np.ulonglong}:
        yield kind, scalar
    described = Frozen("nd", lambda value: (split_dtype(value),), lambda parts: join_dtype(parts[0]))
    for char in "?bBhHiIlLqQefdgFDGSUVMmO":
        yield type(np.dtype(char)), described
    yield np.random.Generator, Mutable("ng", _split_generator, _fill_generator, join=_join_generator)
    yield np.random.RandomState, Mutable("nr", _split_legacy, _fill_legacy, blank=lambda: np.random.RandomState(0))
