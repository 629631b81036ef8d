"""Every text has its Korean, and times, spans and numbers read as people write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fake_hub import PREFIX
from portal_site import COURSE, Site

import portal
from portal.errors import HTTP_TEXTS
from portal.i18n import LOCALE_FOLDER, Speaker

PORTAL = Path(portal.__file__).parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"**.html": {"trimmed": "true", "silent": "false"}}
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def said() -> set[str | tuple[str, ...]]:
    """Every msgid in the portal's code and templates."""
    found = extract_from_dir(str(PORTAL), METHODS, options_map=OPTIONS)
    return {message for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def korean() -> Catalog:
    with (LOCALE_FOLDER / "ko.po").open("rb") as source:
        return read_po(source, locale="ko")


def test_every_text_is_in_korean_too(korean: Catalog) -> None:
    messages = said()
    assert len(messages) > 150
    translated = {message.id for message in korean if message.id and all(_texts(message.string))}
    assert messages - translated == set()


def test_the_catalogue_holds_nothing_that_is_not_said(korean: Catalog) -> None:
    assert {message.id for message in korean if message.id} - said() == set()


def test_no_translation_is_a_guess_or_left_in_english(korean: Catalog) -> None:
    messages = [message for message in korean if message.id]
    assert [message.id for message in messages if message.fuzzy] == []
    assert [message.id for message in messages if not re.search("[가-힣]", "".join(_texts(message.string)))] == []


def test_translations_fill_in_the_same_values(korean: Catalog) -> None:
    wrong = []
    for message in korean:
        if message.id:
            wanted = set(PLACEHOLDER.findall(_texts(message.id)[-1]))
            wrong += [text for text in _texts(message.string) if set(PLACEHOLDER.findall(text)) != wanted]
    assert wrong == []


def test_no_template_says_anything_outside_the_catalogue() -> None:
    """Words between tags, and in attributes that people read, are always in _()."""
    allowed = {"빛고을", "Bitgoeul", "SHA-256", "English", "한국어", "jc-2026-1"}
    wrong = []
    for template in (PORTAL / "templates").glob("*.html"):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text(), flags=re.S)
        words = re.findall(r">([^<>]+)<", text)
        words += re.findall(r'(?:title|aria-label|placeholder|data-busy|alt)="([^"]+)"', text)
        wrong += [
            (template.name, word.strip())
            for word in words
            if re.search(r"[A-Za-z가-힣]{2}", word) and word.strip() not in allowed
        ]
    assert wrong == []


def test_pages_are_in_the_language_that_was_switched_to(site: Site) -> None:
    with site.client("haneul.lee") as client:
        page = client.get("/")
        assert '<html lang="ko">' in page.text
        assert "내 과목" in page.text
        answer = client.post("/locale", data={"locale": "en", "next": f"{PREFIX}/learn/{COURSE}/first-steps"})
        assert answer.headers["location"] == f"{PREFIX}/learn/{COURSE}/first-steps"
        page = client.get("/")
        assert '<html lang="en">' in page.text
        assert "My courses" in page.text
        assert "내 과목" not in page.text
    with site.client("haneul.lee") as elsewhere:
        assert elsewhere.get("/api/me").json()["locale"] == "en"
        assert "My courses" in elsewhere.get("/").text


def test_switching_works_for_nobody_in_particular_and_leads_nowhere_else(site: Site) -> None:
    with site.client() as client:
        answer = client.post("/locale", data={"locale": "en", "next": "https://evil.example/"})
        assert answer.headers["location"] == f"{PREFIX}/"
        assert client.cookies["bitgoeul-locale"] == "en"
        assert client.post("/locale", data={"locale": "xx"}).status_code == 422


def test_an_error_page_speaks_the_readers_language(busy_site: Site) -> None:
    with busy_site.client("haneul.lee", locale="ko") as client:
        assert "관리자만 할 수 있습니다." in client.get("/cohorts").text
    with busy_site.client("haneul.lee", locale="en") as client:
        assert "Only administrators may do this." in client.get("/cohorts").text


def test_http_errors_have_both_languages() -> None:
    assert all(
        re.search("[가-힣]", korean) and not re.search("[가-힣]", english) for english, korean in HTTP_TEXTS.values()
    )


MOMENT = datetime(2026, 3, 8, 14, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "zone", "text"),
    [
        ("ko", "Asia/Seoul", "2026년 3월 8일 (일) 오후 11:59"),
        ("en", "Asia/Seoul", "Sun 8 Mar 2026, 23:59"),
        ("ko", "UTC", "2026년 3월 8일 (일) 오후 2:59"),
        ("ko", "America/New_York", "2026년 3월 8일 (일) 오전 10:59"),
    ],
)
def test_a_moment_is_shown_in_the_cohorts_zone(locale: str, zone: str, text: str) -> None:
    assert Speaker(locale, "Asia/Tokyo").when(MOMENT, zone) == text


def test_midnight_and_noon_in_korean() -> None:
    say = Speaker("ko", "UTC")
    assert say.when_short(datetime(2026, 3, 8, 0, 0, tzinfo=UTC)) == "3월 8일 (일) 오전 12:00"
    assert say.when_short(datetime(2026, 3, 8, 12, 0, tzinfo=UTC)) == "3월 8일 (일) 오후 12:00"


@pytest.mark.parametrize(
    ("length", "korean", "english"),
    [
        (timedelta(days=3, hours=4, minutes=59), "3일 4시간", "3 days 4 hours"),
        (timedelta(days=1), "1일", "1 day"),
        (timedelta(hours=1, minutes=1), "1시간 1분", "1 hour 1 minute"),
        (timedelta(seconds=59), "1분 미만", "less than a minute"),
        (timedelta(seconds=-5), "1분 미만", "less than a minute"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(length: timedelta, korean: str, english: str) -> None:
    assert Speaker("ko", "UTC").span(length) == korean
    assert Speaker("en", "UTC").span(length) == english


@pytest.mark.parametrize(
    ("value", "text"), [(12.0, "12"), (7.5, "7.5"), (0.0, "0"), (3.333, "3.33"), (10.0, "10"), (None, "–")]
)
def test_points_carry_no_needless_zeros(value: float | None, text: str) -> None:
    assert Speaker("ko", "UTC").points(value) == text


def test_a_day_as_people_write_it() -> None:
    assert Speaker("ko", "UTC").day(date(2026, 3, 2)) == "2026년 3월 2일"
    assert Speaker("en", "UTC").day(date(2026, 3, 2)) == "2 Mar 2026"


def _texts(value: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
