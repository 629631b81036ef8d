# ruff: noqa: E501
"""Values cross the link as themselves, with their exact type and identity; bytes that are no value are a fault."""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import fractions
import pathlib
import random
import types
import zoneinfo

import numpy as np
import pandas as pd
import pytest
from link_ends import Ends

from grader.judge.faults import CannotCarry, LinkFault, ProtocolFault, TooMuch
from grader.judge.wire import DEPTH


@pytest.fixture
def ends():
    return Ends()


VALUES = [
    None, True, False, ..., NotImplemented, 0, -1, 127, -128, 128, 2**62, -(2**63), 2**63, 10**100, -(10**100), 0.0, -0.0,
    1.5, float("inf"), 2j, "", "한글", "a\ud800b", b"", b"\x00\xff", (), (1, (2, "x")), [], [1, [2, {"a": 3}]], {}, {1: 2},
    {"b": 1, "a": 2}, set(), {1, "a"}, frozenset({1}), bytearray(b"ab"), range(2, 9, 3), slice(1, None, 2),
    {"k": 1}.keys(), dt.date(2026, 3, 1), dt.time(1, 2, 3, 4), dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC),
    dt.datetime(2026, 3, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Seoul")), dt.timedelta(1, 2, 3), dt.timezone(dt.timedelta(hours=9)),
    decimal.Decimal("1.10"), fractions.Fraction(1, 3), pathlib.Path("/a/b"), collections.Counter("aab"),
    collections.UserList([1, [2]]), collections.UserDict(a=1), collections.UserString("x"), collections.ChainMap({1: 2}, {}),
    types.SimpleNamespace(a=1, b=[2]), array.array("d", [1.5]), array.array("h"), collections.OrderedDict(b=1).keys(),
    collections.OrderedDict(b=1).values(), collections.OrderedDict(b=1).items(),
    collections.OrderedDict(b=1, a=2), collections.defaultdict(None, a=[1]), collections.deque([1, 2], 5),
    np.float64(1.5), np.float32(1.5), np.int8(-3), np.bool_(True), np.str_("x"), np.datetime64("2026-03-01"), np.complex64(1j),
    np.dtype("float32"), pd.Timestamp("2026-03-01"), pd.Timestamp("2026-03-01", tz="Asia/Seoul"), pd.Timedelta("1D"),
    pd.NaT, pd.NA, pd.Period("2026-03", "M"), pd.Interval(1, 2),
]  # fmt: skip
TEXTS = [
    "",
    "ab",
    "한" * 60,
    "x" * 197,
    "x" * 198,
    "x" * 199,
    "x" * 254,
    "x" * 255,
    "x" * 256,
    "x" * 70_000,
    "a\ud800b",
    "s\x02ab",
]
ARRAYS = [
    np.arange(6).reshape(2, 3), np.asfortranarray(np.ones((2, 3))), np.array(5), np.array([]), np.zeros((0, 3)),
    np.array(["a", "bc"]), np.array([True]), np.array([1, None, "x"], dtype=object), np.arange(10)[::2],
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.array(["2026-03"], dtype="M8[M]"), np.array([1 + 2j]),
]  # fmt: skip
TABLES = [
    pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, np.nan], "d": [[1], "q"], "e": [True, False]}),
    pd.DataFrame({"a": pd.Categorical(["u", "v", "u"]), "b": pd.array([1, None, 3], dtype="Int64")}, index=["x", "y", "z"]),
    pd.DataFrame({"a": pd.date_range("2026", periods=2, tz="UTC"), "b": pd.to_datetime(["2026-01-01", None])}),
    pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame(np.eye(2)),
    pd.DataFrame({"k": ["a", "b"], "v": [1, 2]}).set_index("k", append=True), pd.DataFrame({("a", 1): [1]}),
]  # fmt: skip
ROWS = [
    pd.Series([1, 2], name="n"), pd.Series(["a", None], index=[5, 6]), pd.Series([1, "a"], dtype=object), pd.Series(dtype=float),
    pd.cut(pd.Series([1, 2, 3]), 2), pd.Series(pd.period_range("2026", periods=2, freq="M")), pd.Series(pd.to_timedelta([1, 2])),
    pd.Series([True, None], dtype="boolean"), pd.Series(["a", "b"], dtype="string"),
]  # fmt: skip
INDEXES = [
    pd.RangeIndex(3), pd.Index([1, 2], name="n"), pd.Index(["a", "b"]), pd.date_range("2026", periods=3, freq="D"),
    pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["x", "y"]), pd.CategoricalIndex(["a", "b"]), pd.Index([1, "a"]),
    pd.interval_range(0, 2), pd.to_timedelta(["1D", "2D"]),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{value}"[:40])
def test_a_value_arrives_as_itself(value, ends):
    got = ends.carry(value)
    assert type(got) is type(value)
    assert repr(got) == repr(value)


def test_texts_that_come_again_in_a_message_arrive_as_themselves(ends):
    many = [f"key {number}" for number in range(6000)]  # more than are remembered
    records = [{text: number, "b": text, "bytes": text.encode("utf-8", "surrogatepass")} for text in TEXTS
               for number in (-129, -128, -1, 0, 127, 128, True)]  # fmt: skip
    assert ends.carry((records, many, many, TEXTS, *TEXTS)) == (records, many, many, TEXTS, *TEXTS)


@pytest.mark.parametrize("value", ARRAYS, ids=lambda value: f"{value.dtype}-{value.shape}")
def test_an_array_arrives_with_its_dtype_shape_and_order(value, ends):
    got = ends.carry(value)
    assert (got.dtype, got.shape, got.flags.f_contiguous) == (
        value.dtype,
        value.shape,
        value.copy("A").flags.f_contiguous,
    )
    np.testing.assert_array_equal(got, value)
    assert got.flags.writeable


@pytest.mark.parametrize("value", TABLES, ids=range(len(TABLES)))
def test_a_table_arrives_with_its_dtypes(value, ends):
    pd.testing.assert_frame_equal(ends.carry(value), value)


@pytest.mark.parametrize("value", ROWS, ids=lambda value: str(value.dtype))
def test_a_series_arrives_with_its_dtype(value, ends):
    pd.testing.assert_series_equal(ends.carry(value), value)


@pytest.mark.parametrize("value", INDEXES, ids=lambda value: type(value).__name__)
def test_an_index_arrives_with_its_type(value, ends):
    got = ends.carry(value)
    pd.testing.assert_index_equal(got, value, exact=True)
    assert getattr(got, "freq", None) == getattr(value, "freq", None)


def made_up(dice: random.Random, depth: int = 0):
    """A value made by chance."""
    plain = [
        None,
        True,
        dice.randint(-(2**70), 2**70),
        dice.random(),
        chr(dice.randint(0, 0xFFFF)) * 3,
        dice.randbytes(5),
    ]
    if depth > 3 or dice.random() < 0.4:
        return dice.choice(plain)
    inner = [made_up(dice, depth + 1) for _ in range(dice.randint(0, 4))]
    return dice.choice([list, tuple, lambda values: {repr(value): value for value in values}])(inner)


@pytest.mark.parametrize("seed", range(40))
def test_any_nested_value_arrives_as_itself(seed, ends):
    value = made_up(random.Random(seed))
    assert ends.carry(value) == value


def test_a_list_that_contains_itself_arrives_so(ends):
    value: list = [1]
    value.append(value)
    got = ends.carry(value)
    assert got[1] is got


def test_what_is_the_same_object_stays_the_same_object(ends):
    row: list = []
    got = ends.carry([row, {"row": row}])
    assert got[0] is got[1]["row"]
    assert ends.carry(row) is got[0]


@pytest.mark.parametrize("seed", range(30))
def test_bytes_that_are_no_value_are_a_fault_and_nothing_else(seed, ends):
    dice = random.Random(seed)
    whole = ends.write([1, "text", {"a": (2.5, b"x")}, np.arange(3), pd.Series(["a", None]), dt.date(2026, 3, 1)])
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        end = Ends()
        try:
            end.read(bytes(data[: dice.randrange(1, len(data) + 1)]))
        except (LinkFault, AssertionError):
            continue


HOSTILE = {
    "a tuple nested without end": b"(\x01" * 100_000 + b"N",
    "more items than bytes": b"(\xff\xff\xff\xff\xff",
    "a dtype that is none": b"xns\x02s\x03xxxb\x00",
    "an array larger than memory": b"M"
    + b"\x02"
    + b"\x00" * 7
    + b"na\x04s\x03<f8(\x01i"
    + b"\xff" * 7
    + b"\x7fs\x01Cb\x00",
    "an unhashable key": b"M" + b"\x02" + b"\x00" * 7 + b"d \x02M\x04" + b"\x00" * 7 + b"l \x00N",
    "a number of the reader's own": b"M" + b"\x01" + b"\x00" * 7 + b"l \x00",
    "a value that was never sent": b"m" + b"\x08" + b"\x00" * 7,
    "an unknown kind": b"x??\x00",
    "a date that does not exist": b"xa \x03j\x01j\x0dj\x01",
    "no bytes": b"",
    "a pickle": b"\x80\x04\x95",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_message_is_a_fault(data, ends):
    with pytest.raises(ProtocolFault):
        ends.read(data)


class Number(int):
    pass


@pytest.mark.parametrize("value", [Number(3), object(), type("L", (list,), {})()], ids=["int", "object", "list"])
def test_an_instance_of_a_subclass_is_no_value(value, ends):
    with pytest.raises(CannotCarry):
        ends.write(value)


@pytest.mark.parametrize("make", [lambda: nested(DEPTH + 5), lambda: 1 << (1 << 21)], ids=["deep", "huge integer"])
def test_a_value_beyond_the_limits_has_an_error_of_its_own(make, ends):
    with pytest.raises(TooMuch):
        ends.write(make())


def nested(depth):
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


CHANGES = {
    "list": ([1], lambda value: value.append(2)),
    "dict": ({"a": 1}, lambda value: value.update(a=2)),
    "array": (np.zeros(2), lambda value: value.__setitem__(0, 5)),
    "table": (pd.DataFrame({"a": [1]}), lambda value: value.__setitem__("b", 2)),
    "generator": (np.random.default_rng(1), lambda value: value.random()),
}


@pytest.mark.parametrize(("value", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_in_place_is_noticed(value, change, ends):
    ends.write(value)
    assert ends.here.changed() == []
    change(value)
    assert [mirror.object is value for mirror, _ in ends.here.changed()] == [True]


def test_what_nobody_refers_to_is_dropped(ends):
    kept = [1]
    ends.write([kept, [2]])
    assert len(ends.here.sweep()) == 2
    assert [mirror.object for mirror in ends.here.by_number.values()] == [[1]]
