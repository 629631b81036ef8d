"""What a person is told when: the portal's notices, the end of a lease growing louder, a turn that has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab_side.holding import Holding, Lease, Notice, Ticket, read_holding
from lab_side.notices import build_notices
from lab_side.words import Sentence

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ROOM = "/services/portal/waiting"
SAID = Sentence("곧 끝납니다.", "It ends soon.")


def holding(left: timedelta | None, *notices: Notice) -> Holding:
    return Holding(lease=Lease(17, "gpu", None if left is None else NOW + left, False), notices=notices)


def told(holding: Holding) -> dict[str, str]:
    return {notice.id: notice.level for notice in build_notices(holding, NOW, ROOM)}


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (None, {}),
        (timedelta(minutes=15, seconds=1), {}),
        (timedelta(minutes=15), {"lease-17-ends": "warning"}),
        (timedelta(minutes=5, seconds=1), {"lease-17-ends": "warning"}),
        (timedelta(minutes=5), {"lease-17-ends": "urgent"}),
        (timedelta(minutes=-1), {"lease-17-ends": "urgent"}),
    ],
    ids=["no end", "far", "a quarter of an hour", "over five minutes", "five minutes", "past"],
)
def test_the_end_of_a_lease_is_announced_louder_as_it_comes_near(
    left: timedelta | None, expected: dict[str, str]
) -> None:
    assert told(holding(left)) == expected


def test_the_portal_s_own_words_about_the_end_are_kept_and_made_loud() -> None:
    portals = Notice("lease-17-ends", "info", SAID, None)
    (notice,) = build_notices(holding(timedelta(minutes=4), portals), NOW, ROOM)
    assert (notice.text, notice.level) == (SAID, "urgent")


def test_an_end_that_is_far_is_as_loud_as_the_portal_says() -> None:
    assert told(holding(timedelta(hours=1), Notice("lease-17-ends", "info", SAID, None))) == {"lease-17-ends": "info"}


@pytest.mark.parametrize("known", ["ticket-3-turn", None])
def test_a_turn_is_announced_once_whoever_says_it(known: str | None) -> None:
    ticket = Ticket(1, None, SAID, NOW + timedelta(minutes=5))
    notices = (Notice(known, "warning", SAID, ROOM),) if known else ()
    (notice,) = build_notices(Holding(ticket=ticket, notices=notices), NOW, ROOM)
    assert (notice.level, notice.url) == ("warning", ROOM)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("/services/portal/waiting", "/services/portal/waiting"),
        ("/waiting?ticket=3", "/waiting?ticket=3"),
        (None, None),
        ("https://elsewhere.example/", None),
        ("//elsewhere.example/", None),
        ("/\\elsewhere.example/", None),
        ("/\t/elsewhere.example/", None),
        ("javascript:alert(1)", None),
        (7, None),
    ],
)
def test_a_notice_leads_to_a_page_of_this_site_or_nowhere(url: Any, kept: str | None) -> None:
    one = {"id": "a", "level": "info", "ko": "가", "en": "a", "url": url}
    assert read_holding({"lease": None, "ticket": None, "notices": [one]}).notices[0].url == kept


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"lease": None, "ticket": None, "notices": None},
        {"lease": {"id": 1}, "ticket": None, "notices": []},
        {"lease": {"id": 1, "kind": "gpu", "until": "soon", "in_class": False}, "ticket": None, "notices": []},
        {"lease": None, "ticket": {"position": "first"}, "notices": []},
        {"lease": None, "ticket": None, "notices": ["lease-17-ends"]},
    ],
    ids=lambda answer: str(answer)[:40],
)
def test_an_answer_of_another_shape_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match=r"portal's answer|isoformat"):
        read_holding(answer)
