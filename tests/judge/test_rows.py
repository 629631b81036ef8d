"""Rows of like values cross the link as the same values one by one would: same types, same identities, same faults."""

from __future__ import annotations

import math
import struct
from collections import OrderedDict

import numpy as np
import pytest
from link_ends import Ends

from grader.judge import rows
from grader.judge.faults import ProtocolFault

EIGHT = range(8)


def records(*names, count=10):
    return [{name: f"{name}{number}" if number % 2 else number for name in names} for number in range(count)]


ONE = {"a": 1}
ROWS = {
    "bytes": [*EIGHT, -128, 127],
    "short integers": [*EIGHT, -(2**15), 2**15 - 1],
    "integers": [*EIGHT, 2**31 - 1, -(2**31)],
    "long integers": [*EIGHT, 2**63 - 1, -(2**63)],
    "huge integers": [*EIGHT, 2**63],
    "integers and truth values": [*EIGHT, True, False],
    "floats": [0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324, 1.0, 2.0],
    "floats and integers": [0.5, *EIGHT],
    "a tuple of integers": tuple(EIGHT),
    "a set of integers": set(EIGHT),
    "records": records("a", "b", "다"),
    "records of everything simple": [{"a": v} for v in (None, True, 1, 2**70, 1.5, "x", b"y", -1, "")],
    "a tuple of records": tuple(records("a")),
    "few different texts": ["a", "나", "", "a"] * 4,
    "as many different texts as a byte tells apart": [f"text {number % 255}" for number in range(510)],
    "more different texts": [f"text {number % 256}" for number in range(512)],
    "texts that are all different": [f"text {number}" for number in EIGHT],
    "texts and a number": ["a"] * 8 + [1],
    "texts and one of another type": ["a"] * 8 + [np.str_("a")],
    "half a surrogate pair": ["\ud800"] * 8,
    "records with a value that is not simple": [*records("a"), {"a": [1]}],
    "records with other keys": [*records("a"), {"b": 1}],
    "records with the keys in another order": [*records("a", "b"), {"b": 1, "a": 2}],
    "records with a key that is no text": [*records("a"), {1: 1}],
    "dicts without keys": [{} for _ in EIGHT],
    "a record twice": [ONE, *records("a"), ONE],
    "records and a list": [*records("a"), []],
    "records and an ordered dict": [*records("a"), OrderedDict(a=1)],
    "lists": [[number] for number in EIGHT],
    "a list twice": [ONE, [1], [1], ONE, 2, 3, 4, 5, 6],
    "tables in a dict": {"a": records("a"), "b": records("a")},
    "a table as a column": [{"a": 1, "b": records("a")} for _ in EIGHT],
}


def same(one, two):
    """Equal, with equal types all the way down."""
    if type(one) is not type(two):
        return False
    if type(one) in (list, tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if type(one) in (dict, OrderedDict):
        return list(one) == list(two) and all(map(same, one.values(), two.values()))
    return one == two and str(one) == str(two)


@pytest.mark.parametrize("value", ROWS.values(), ids=ROWS)
def test_a_row_comes_over_as_it_is_and_a_second_time_as_the_same_objects(value):
    ends = Ends()
    there = ends.carry(value)
    assert same(there, value)
    again = ends.carry([value] if type(value) is list else value)
    assert same(again[0] if type(value) is list else again, value)
    if type(value) is list:
        assert again[0] is there
    numbers = {number: mirror.seen for number, mirror in ends.here.by_number.items()}
    assert numbers.keys() == ends.there.by_number.keys()
    assert not ends.here.changed()
    assert not ends.there.changed()


@pytest.mark.parametrize("value", ROWS.values(), ids=ROWS)
def test_what_crosses_is_no_other_than_without_rows(value, monkeypatch):
    together, one_by_one = Ends(), Ends()
    found = together.carry(value)
    monkeypatch.setattr("grader.judge.writer.MANY", 1 << 60)
    assert same(found, one_by_one.carry(value))
    assert list(together.there.by_number) == list(one_by_one.there.by_number)
    for number, mirror in together.there.by_number.items():
        assert same(mirror.object, one_by_one.there.by_number[number].object)


def test_records_that_were_sent_are_named_by_number():
    ends = Ends()
    table = records("name", count=1000)
    first, second = ends.write(table), ends.write(list(reversed(table)))
    assert len(second) < 8 * 1000 + 64
    there = ends.read(first)
    turned = ends.read(second)
    assert [id(record) for record in turned] == [id(record) for record in reversed(there)]


def test_a_change_of_one_record_is_seen():
    ends = Ends()
    table = records("name", count=100)
    there = ends.carry(table)
    there[42]["name"] = "other"
    ((mirror, parts),) = ends.there.changed()
    assert (mirror.object, parts) == (there[42], ("name", "other"))
    assert ends.here.by_number[mirror.number].object is table[42]


def test_a_table_that_nobody_refers_to_any_more_is_dropped_as_one():
    ends = Ends()
    table, other = records("name", count=100), records("name", count=10)
    there = ends.carry((table, other))
    numbers = {ends.here.of(record).number for record in other}
    assert ends.here.sweep() == []
    del table
    dropped = ends.here.sweep()
    assert len(dropped) == 101  # the list, then its records
    ends.there.drop(dropped)
    for side in (ends.here, ends.there):
        assert numbers < side.by_number.keys()
        assert len(side.by_number) == 11
        assert side.changed() == []
    there[1][3]["name"] = "new"
    assert [mirror.object for mirror, _ in ends.there.changed()] == [there[1][3]]


def test_a_record_that_somebody_still_holds_outlives_its_table():
    ends = Ends()
    table = records("name", count=100)
    ends.carry(table)
    kept = table[42]
    del table
    assert len(ends.here.sweep()) == 100
    assert [mirror.object for mirror in ends.here.by_number.values()] == [kept]
    kept["name"] = "new"
    assert [mirror.object for mirror, _ in ends.here.changed()] == [kept]
    del kept
    assert len(ends.here.sweep()) == 1
    assert not ends.here.by_number


def number(value):
    return struct.pack("<q", value)


LIST = b"M" + number(2) + b"l \x08"
LIES = {
    "integers of no width": LIST + b"#x" + b"\x00" * 8,
    "fewer integers than announced": LIST + b"#q" + b"\x00" * 63,
    "fewer floats than announced": LIST + b"%" + b"\x00" * 63,
    "fewer texts than announced": LIST + b"$" + b"(\x01s\x01a" + b"\x00" * 7,
    "texts that are none": LIST + b"$" + b"(\x01j\x01" + b"\x00" * 8,
    "no texts at all": LIST + b"$" + b"(\x00" + b"\x00" * 8,
    "a list of texts in place of a row": LIST + b"$" + b"s\x01a" + b"\x00" * 8,
    "a text that was not sent": LIST + b"$" + b"(\x01s\x01a" + b"\x00" * 7 + b"\x01",
    "references to what was never sent": LIST + b"&" + number(7) * 8,
    "records numbered as ours": LIST + b"=" + number(1) + b"\x01s\x01a" + b"\x08#b" + b"\x00" * 8,
    "records numbered below zero": LIST + b"=" + number(-16) + b"\x01s\x01a" + b"\x08#b" + b"\x00" * 8,
    "records numbered beyond all bounds": LIST + b"=" + number(2**63 - 2) + b"\x01s\x01a" + b"\x08#b" + b"\x00" * 8,
    "a record with the list's own number": LIST + b"=" + number(0) + b"\x01s\x01a" + b"\x08#b" + b"\x00" * 8,
    "records without keys": LIST + b"=" + number(4) + b"\x00" + b"\x00" * 16,
    "records with a key twice": LIST + b"=" + number(4) + b"\x02s\x01as\x01a" + (b"\x08#b" + b"\x00" * 8) * 2,
    "records with a key that is no text": LIST + b"=" + number(4) + b"\x01j\x01" + b"\x08#b" + b"\x00" * 8,
    "records with values missing": LIST + b"=" + number(4) + b"\x01s\x01a" + b"\x07#b" + b"\x00" * 8,
    "more records than may be": (
        b"M"
        + number(2)
        + b"l \xff"
        + struct.pack("<I", 1_000_001)
        + b"="
        + number(4)
        + b"\x01s\x01a"
        + b"\x00" * (1 << 21)
    ),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_row_that_lies_is_a_fault(lie):
    with pytest.raises(ProtocolFault):
        Ends().read(lie)


def test_rows_within_rows_end_at_the_depth_that_is_allowed():
    column = b"\x08#b" + b"\x00" * 8
    data = LIST
    for level in range(200):
        data += b"=" + number(1000 + 16 * level) + b"\x01s\x01a" + b"\x08"
    with pytest.raises(ProtocolFault, match="nested"):
        Ends().read(data + column[1:] + b"\x00" * 64)


def test_a_tag_of_a_row_is_none_of_a_value():
    for tag in rows.TAGS:
        with pytest.raises(ProtocolFault):
            Ends().read(bytes((tag,)) + b"\x00" * 16)


def change_value(table):
    table[3]["a"] = "other"


def swap_two_rows_contents(table):
    first, second = dict(table[2]), dict(table[7])
    table[2].update(second)
    table[7].update(first)


def put_keys_in_another_order(table):
    table[5]["a"] = table[5].pop("a")


def take_a_key_and_add_one(table):
    table[6]["c"] = table[6].pop("b")


CHANGES = {
    change_value: {3},
    swap_two_rows_contents: {2, 7},
    put_keys_in_another_order: {5},
    take_a_key_and_add_one: {6},
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("side", ["here", "there"])
def test_a_change_in_any_row_is_found_on_either_side(change, side):
    ends = Ends()
    table = records("a", "b")
    copy = ends.carry(table)
    mirrors, own = (ends.here, table) if side == "here" else (ends.there, copy)
    assert mirrors.changed() == []
    change(own)
    found = mirrors.changed()
    assert {own.index(mirror.object) for mirror, _ in found} == CHANGES[change]
    assert mirrors.changed() == found
    for mirror, parts in found:
        mirror.seen = parts
    assert mirrors.changed() == []
    own[0]["a"] = "later"
    assert [mirror.object for mirror, _ in mirrors.changed()] == [own[0]]


def test_an_item_that_only_moved_to_the_next_row_is_a_change_of_both():
    ends = Ends()
    table = [{"a": 2 * number, "b": 2 * number + 1} for number in range(10)]
    ends.write(table)
    moved = table[3].pop("b")
    rest = dict(table[4])
    table[4].clear()
    table[4].update({"c": moved} | rest)
    assert [mirror.object for mirror, _ in ends.here.changed()] == table[3:5]


def test_rows_of_which_some_are_dropped_are_still_looked_at():
    ends = Ends()
    table = records("a", count=20)
    ends.write(table)
    numbers = [ends.here.of(row).number for row in table]
    ends.here.drop(numbers[:5])
    table[10]["a"] = "other"
    table[1]["a"] = "other"
    assert [mirror.object for mirror, _ in ends.here.changed()] == [table[10]]
    ends.here.drop(numbers)
    assert ends.here.changed() == []
    ends.write(table)
    ends.here.clear()
    assert ends.here.changed() == []


def test_looking_at_rows_keeps_none_of_them_alive():
    ends = Ends()
    table = records("a", count=20)
    ends.write(table)
    assert ends.here.changed() == []
    del table
    assert len(ends.here.sweep()) == 21
