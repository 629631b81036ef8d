"""A quick look at a table or a series tells that nothing has changed, and never says so where something has."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from link_ends import Ends

from grader.judge.kinds import Mutable, known_kinds
from grader.judge.mirrors import Mirrors


def sales() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "shop": ["a", "나", None],
            "n": [1, 2, 3],
            "price": [1.5, np.nan, 3.0],
            "at": pd.to_datetime(["2026-03-02"] * 3),
            "kind": pd.Series([1, "x", None], dtype=object),
        }
    )


def named() -> pd.Series:
    return pd.Series([1.0, 2.0, 3.0], index=pd.Index(["x", "y", "z"], name="key"), name="size")


CHANGES = {
    "a number": lambda frame: frame.loc.__setitem__((1, "n"), 7),
    "a missing number": lambda frame: frame.loc.__setitem__((1, "price"), 2.0),
    "a text": lambda frame: frame.loc.__setitem__((0, "shop"), "b"),
    "a missing text": lambda frame: frame.loc.__setitem__((2, "shop"), "c"),
    "an object": lambda frame: frame.loc.__setitem__((1, "kind"), "y"),
    "a date": lambda frame: frame.loc.__setitem__((1, "at"), pd.Timestamp("2026-03-03")),
    "a new column": lambda frame: frame.insert(1, "more", 1),
    "a column less": lambda frame: frame.pop("n"),
    "another order of columns": lambda frame: frame.insert(0, "price", frame.pop("price")),
    "the name of a column": lambda frame: setattr(frame, "columns", ["shop", "m", "price", "at", "kind"]),
    "the name of the columns": lambda frame: setattr(frame.columns, "name", "what"),
    "another type of a column": lambda frame: frame.__setitem__("n", frame["n"].astype("int32")),
    "another type of texts": lambda frame: frame.__setitem__("shop", frame["shop"].astype(object)),
    "the index": lambda frame: setattr(frame, "index", [3, 4, 5]),
    "the name of the index": lambda frame: setattr(frame.index, "name", "row"),
    "the order of rows": lambda frame: frame.__init__(frame.sort_values("n", ascending=False)),
    "a row less": lambda frame: frame.__init__(frame.drop(index=1)),
}
SERIES_CHANGES = {
    "a number": lambda series: series.__setitem__("y", 9.0),
    "the name": lambda series: setattr(series, "name", "weight"),
    "the name of the index": lambda series: setattr(series.index, "name", "id"),
    "the index": lambda series: setattr(series, "index", ["x", "y", "w"]),
}
UNSEEN = {
    "dates": lambda: pd.DataFrame({"n": [1]}, index=pd.date_range("2026-03-02", periods=1)),
    "zones": lambda: pd.Series(pd.to_datetime(["2026-03-02"]).tz_localize("Asia/Seoul")),
    "categories": lambda: pd.Series(["a"], dtype="category"),
    "levels": lambda: pd.DataFrame({"n": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)])),
}


def kind_of(value: object) -> Mutable:
    found = known_kinds().of_type(type(value))
    assert isinstance(found, Mutable)
    assert found.look is not None
    return found


def looks_alike(value: object, change) -> bool:
    kind = kind_of(value)
    before = kind.look(value)
    change(value)
    return Mirrors(0, known_kinds()).alike(kind.look(value), before)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_table_looks_different(change) -> None:
    assert not looks_alike(sales(), change)


@pytest.mark.parametrize("change", SERIES_CHANGES.values(), ids=SERIES_CHANGES)
def test_a_changed_series_looks_different(change) -> None:
    assert not looks_alike(named(), change)


@pytest.mark.parametrize("make", [sales, named])
def test_what_has_not_changed_looks_the_same(make) -> None:
    def read(value) -> None:
        value.describe(), value.copy(), value.to_dict(), value.index.tolist()

    assert looks_alike(make(), read)


@pytest.mark.parametrize("make", UNSEEN.values(), ids=UNSEEN)
def test_what_a_look_does_not_tell_is_taken_apart(make) -> None:
    value = make()
    assert kind_of(value).look(value) is None


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_one_side_does_to_a_table_is_found_however_often_it_was_looked_at_before(change) -> None:
    ends = Ends()
    ours = sales()
    theirs = ends.carry(ours)
    for _ in range(3):
        assert ends.here.changed() == ends.there.changed() == []
    change(theirs)
    [(mirror, parts)] = ends.there.changed()
    assert mirror.object is theirs
    assert ends.there.alike(parts, kind_of(theirs).split(theirs))
    mirror.seen, mirror.look = parts, None  # as when they have been sent
    assert ends.there.changed() == ends.there.changed() == []


def test_a_table_that_looks_different_but_holds_the_same_is_no_change() -> None:
    ends = Ends()
    ours = sales()
    ends.carry(ours)
    ours["n"] = ours["n"].copy()  # another block
    assert ends.here.changed() == []
