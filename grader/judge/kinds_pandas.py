"""Values of pandas: tables, series and indexes column by column, and its scalars."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from grader.judge.checks import exactly, optional
from grader.judge.kinds import Entries, Frozen, Mutable, Parts
from grader.judge.kinds_numpy import join_array, split_array

_EXTENSION = re.compile(
    r"U?Int(?:8|16|32|64)|Float(?:32|64)|boolean|period\[[\w-]{1,12}\]"
    r"|interval\[(?:int64|float64|datetime64\[ns\]|datetime64\[us\]|timedelta64\[ns\]), (?:left|right|both|neither)\]"
)
_ZONED = re.compile(r"datetime64\[(s|ms|us|ns), ([\w/+:-]{1,40})\]")
_FREQUENCY = re.compile(r"[\w-]{1,24}")
_SEPARATOR = "\x00"


def _split_values(values: Any) -> Parts:
    """One column: numpy array or extension array."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        return ("numpy", *split_array(np.asarray(values)))
    if isinstance(dtype, pd.CategoricalDtype):
        return ("category", values.categories, bool(values.ordered), values.codes.astype("<i8").tobytes())
    if isinstance(dtype, pd.StringDtype):
        return ("string", dtype.storage, dtype.na_value is pd.NA, *_split_texts(values))
    if isinstance(dtype, pd.DatetimeTZDtype):
        return ("zoned", str(dtype), values.view("i8").tobytes())
    if not _EXTENSION.fullmatch(str(dtype)):
        raise ValueError(f"a column of dtype {dtype}")
    return ("elements", str(dtype), tuple(values))


def _split_texts(values: Any) -> Parts:
    missing = np.flatnonzero(values.isna())
    texts = values.to_numpy(dtype=object, na_value="")
    joined = _SEPARATOR.join(texts)
    if joined.count(_SEPARATOR) != max(len(texts) - 1, 0):
        return (len(texts), tuple(texts), tuple(missing.tolist()))
    return (len(texts), joined, tuple(missing.tolist()))


def _join_texts(dtype: Any, count: int, texts: Any, missing: Any) -> Any:
    if type(texts) is str:
        texts = texts.split(_SEPARATOR) if count else []
    elif not all(type(text) is str for text in exactly(tuple, texts)):
        raise ValueError("a text that is none")
    if len(texts) != exactly(int, count):
        raise ValueError("another number of texts than announced")
    row = np.empty(count, dtype=object)
    row[:] = texts
    for place in exactly(tuple, missing):
        row[exactly(int, place)] = dtype.na_value
    return pd.array(row, dtype=dtype)


def _join_values(parts: Any) -> Any:
    form, *rest = exactly(tuple, parts)
    if form == "numpy":
        made = join_array(tuple(rest))
        if made.ndim != 1:
            raise ValueError("a column of more than one dimension")
        return made
    if form == "category":
        categories, ordered, codes = rest
        if not isinstance(categories, pd.Index):
            raise TypeError("categories that are no index")
        return pd.Categorical.from_codes(np.frombuffer(codes, "<i8"), categories, ordered=exactly(bool, ordered))
    if form == "string":
        storage, with_na, count, texts, missing = rest
        if storage not in ("python", "pyarrow"):
            raise ValueError("an unknown storage of texts")
        dtype = pd.StringDtype(storage, na_value=pd.NA) if with_na else _plain_string_dtype(storage)
        return _join_texts(dtype, count, texts, missing)
    if form == "zoned":
        described, data = rest
        found = _ZONED.fullmatch(exactly(str, described))
        if found is None:
            raise ValueError("an unknown kind of dates")
        naive = pd.DatetimeIndex(np.frombuffer(exactly(bytes, data), f"<M8[{found[1]}]"))
        return naive.tz_localize("UTC").tz_convert(found[2]).array
    described, elements = rest
    if form != "elements" or not _EXTENSION.fullmatch(exactly(str, described)):
        raise ValueError("an unknown kind of column")
    return pd.array(list(exactly(tuple, elements)), dtype=described)


def _plain_string_dtype(storage: str) -> Any:
    return pd.StringDtype(storage, na_value=np.nan)


def _split_index(index: Any) -> Parts:
    names = tuple(index.names)
    if isinstance(index, pd.RangeIndex):
        return ("range", names, index.start, index.stop, index.step)
    if isinstance(index, pd.MultiIndex):
        codes = tuple(np.asarray(codes).astype("<i8").tobytes() for codes in index.codes)
        return ("multi", names, tuple(index.levels), codes)
    frequency = index.freqstr if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    return ("plain", names, _split_values(index.array if _is_extension(index) else index.to_numpy()), frequency)


def _is_extension(index: Any) -> bool:
    return not isinstance(index.dtype, np.dtype)


def _join_index(parts: Any) -> Any:
    form, names, *rest = exactly(tuple, parts)
    if form == "range":
        start, stop, step = (exactly(int, part) for part in rest)
        return pd.RangeIndex(start, stop, step, name=names[0])
    if form == "multi":
        levels, codes = rest
        if not all(isinstance(level, pd.Index) for level in levels):
            raise TypeError("levels that are no indexes")
        return pd.MultiIndex(levels, [np.frombuffer(code, "<i8") for code in codes], names=names)
    values, frequency = rest
    made = pd.Index(_join_values(values), name=exactly(tuple, names)[0], **_as_it_is(values))
    if optional(str, frequency) is not None:
        if not _FREQUENCY.fullmatch(frequency):
            raise ValueError("an unknown frequency")
        made.freq = frequency
    return made


def _as_it_is(values: Parts) -> dict[str, Any]:
    """Keeps pandas from guessing another dtype for a column of objects."""
    return {"dtype": object} if values[:2] == ("numpy", "|O") else {}


def _split_series(value: Any) -> Parts:
    return (
        _split_index(value.index),
        value.name,
        _split_values(value.array if _is_extension(value) else value.to_numpy()),
    )


def _join_series(parts: Parts) -> Any:
    index, name, values = parts
    return pd.Series(_join_values(values), index=_join_index(index), name=name, copy=False, **_as_it_is(values))


def _split_frame(value: Any) -> Parts:
    values = tuple(
        _split_values(column.array if _is_extension(column) else column.to_numpy()) for _, column in value.items()
    )
    return (_split_index(value.index), _split_index(value.columns), values)


def _join_frame(parts: Parts) -> Any:
    index, columns, values = parts
    made_index = _join_index(index)
    arrays = {
        place: pd.Series(_join_values(column), index=made_index, copy=False, **_as_it_is(column))
        for place, column in enumerate(exactly(tuple, values))
    }
    made = pd.DataFrame(arrays, index=made_index)
    made.columns = _join_index(columns)
    return made


def _look_at_series(value: Any) -> Parts | None:
    return _looks(value.index, (value.name,), (value.array,))


def _look_at_frame(value: Any) -> Parts | None:
    """The blocks that hold the columns: a few arrays, where the columns of a table are many."""
    blocks = getattr(getattr(value, "_mgr", None), "blocks", None)  # inside of pandas; elsewhere it may be missing
    if blocks is None:
        return None
    columns = _look_at_index(value.columns)
    if columns is None:
        return None
    places = tuple(block.mgr_locs.as_array.tobytes() for block in blocks)
    return _looks(value.index, (columns, places), tuple(block.values for block in blocks))


def _looks(index: Any, more: Parts, arrays: Parts) -> Parts | None:
    found = (_look_at_index(index), *map(_look_at_array, arrays))
    return None if any(look is None for look in found) else (more, *found)


def _look_at_index(index: Any) -> Parts | None:
    kind = type(index)
    if kind is pd.RangeIndex:
        return (index, index.name)
    values = _look_at_array(index.array) if kind is pd.Index else None
    return None if values is None else (index.name, *values)


def _look_at_array(values: Any) -> Parts | None:
    if not isinstance(values.dtype, np.dtype) and not isinstance(values, pd.arrays.NumpyExtensionArray):
        return None
    plain = np.asarray(values)
    if plain.dtype.hasobject:
        return (str(values.dtype), plain.shape, tuple(plain.ravel().tolist()))
    return (plain.dtype.str, plain.shape, plain.tobytes())


def _fill_series(target: Any, parts: Parts) -> None:
    pd.Series.__init__(target, _join_series(parts))


def _fill_frame(target: Any, parts: Parts) -> None:
    pd.DataFrame.__init__(target, _join_frame(parts))


def _split_stamp(value: Any) -> Parts:
    return (value.unit, int(value.asm8.view("i8")), None if value.tz is None else str(value.tz))


def _join_stamp(parts: Parts) -> Any:
    unit, count, zone = parts
    if unit not in ("s", "ms", "us", "ns"):
        raise ValueError("an unknown unit")
    made = pd.Timestamp(np.datetime64(exactly(int, count), unit))
    return made if optional(str, zone) is None else made.tz_localize("UTC").tz_convert(zone)


def _join_delta(parts: Parts) -> Any:
    unit, count = parts
    if unit not in ("s", "ms", "us", "ns"):
        raise ValueError("an unknown unit")
    return pd.Timedelta(np.timedelta64(exactly(int, count), unit))


def _join_period(parts: Parts) -> Any:
    text, frequency = (exactly(str, part) for part in parts)
    return pd.Period(text, freq=frequency)


def _join_interval(parts: Parts) -> Any:
    left, right, closed = parts
    return pd.Interval(left, right, closed=closed)


def entries() -> Entries:
    """Every type with its kind."""
    yield pd.DataFrame, Mutable("pf", _split_frame, _fill_frame, join=_join_frame, look=_look_at_frame)
    yield pd.Series, Mutable("ps", _split_series, _fill_series, join=_join_series, look=_look_at_series)
    index = Frozen("pi", _split_index, _join_index)
    for kind in (
        pd.Index, pd.RangeIndex, pd.MultiIndex, pd.DatetimeIndex, pd.TimedeltaIndex, pd.CategoricalIndex,
        pd.IntervalIndex, pd.PeriodIndex,
    ):  # fmt: skip
        yield kind, index
    yield pd.Categorical, Frozen("pc", _split_values, _join_values)
    yield pd.Timestamp, Frozen("pt", _split_stamp, _join_stamp)
    yield pd.Timedelta, Frozen("pd", lambda v: (v.unit, int(v.asm8.view("i8"))), _join_delta)
    yield pd.Period, Frozen("pp", lambda v: (str(v), v.freqstr), _join_period)
    yield pd.Interval, Frozen("pv", lambda v: (v.left, v.right, v.closed), _join_interval)
    yield type(pd.NaT), Frozen("pn", lambda v: (), lambda parts: pd.NaT)
    yield type(pd.NA), Frozen("pa", lambda v: (), lambda parts: pd.NA)
