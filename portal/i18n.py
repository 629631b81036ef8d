"""The portal's two languages: texts from locale/ko.po (msgids are the English sentences), dates, durations, numbers.

The catalogue is compiled in memory at start-up, so that no binary lies in the repository and none can be stale.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_FOLDER = Path(__file__).parent / "locale"
DATE_TIME = {"ko": "yyyy년 M월 d일 (EEE) '{half}' h:mm", "en": "EEE d MMM yyyy, HH:mm"}
DATE_TIME_SHORT = {"ko": "M월 d일 (EEE) '{half}' h:mm", "en": "EEE d MMM, HH:mm"}
DAY = {"ko": "M월 d일 (EEE)", "en": "EEE d MMM"}
DATE = {"ko": "yyyy년 M월 d일", "en": "d MMM yyyy"}


@cache
def translations(locale: str) -> gettext.NullTranslations:
    """The catalogue of `locale`; English needs none, since msgids are English."""
    if locale != "ko":
        return gettext.NullTranslations()
    with (LOCALE_FOLDER / "ko.po").open("rb") as source:
        catalogue = read_po(source, locale="ko")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class Speaker:
    """Says things in one language, with times in one zone."""

    def __init__(self, locale: str, zone: str) -> None:
        self.locale = locale
        self.zone = zone
        self._translations = translations(locale)

    def gettext(self, message: str) -> str:
        return self._translations.gettext(message)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        return self._translations.ngettext(singular, plural, n)

    def pick(self, texts: Mapping[str, str]) -> str:
        """The text of a two-language value."""
        return texts.get(self.locale) or texts["ko"]

    def when(self, moment: datetime, zone: str | None = None) -> str:
        """`2026년 3월 8일 (일) 오후 11:59`, in `zone` or the campus's."""
        return self._moment(DATE_TIME[self.locale], moment, zone)

    def when_short(self, moment: datetime, zone: str | None = None) -> str:
        """The same without the year."""
        return self._moment(DATE_TIME_SHORT[self.locale], moment, zone)

    def day(self, value: date) -> str:
        """`2026년 3월 8일`."""
        return str(format_date(value, DATE[self.locale], locale=self.locale))

    def clock(self, moment: datetime, zone: str | None = None) -> str:
        """`14:00`, the time of day in `zone` or the campus's."""
        return moment.astimezone(ZoneInfo(zone or self.zone)).strftime("%H:%M")

    def day_word(self, moment: datetime, now: datetime, zone: str | None = None) -> str:
        """`오늘`, `내일`, or `3월 9일 (월)`."""
        there = ZoneInfo(zone or self.zone)
        days = (moment.astimezone(there).date() - now.astimezone(there).date()).days
        if days == 0:
            return self.gettext("today")
        if days == 1:
            return self.gettext("tomorrow")
        return self.day_short(moment, zone)

    def day_short(self, moment: datetime, zone: str | None = None) -> str:
        """`3월 9일 (월)`."""
        local = moment.astimezone(ZoneInfo(zone or self.zone))
        return str(format_date(local.date(), DAY[self.locale], locale=self.locale))

    def near(self, moment: datetime, now: datetime, zone: str | None = None) -> str:
        """`14:00` for today, `내일 14:00`, `3월 9일 (월) 14:00`."""
        day, clock = self.day_word(moment, now, zone), self.clock(moment, zone)
        return clock if day == self.gettext("today") else f"{day} {clock}"

    def about(self, length: timedelta) -> str:
        """A guessed length of time, as exact as a guess is: to 5 minutes above 10, to half an hour above 2 hours."""
        minutes = max(1, round(length.total_seconds() / 60))
        step = 1 if minutes <= 10 else 5 if minutes <= 115 else 30
        return self.span(timedelta(minutes=round(minutes / step) * step))

    def hours(self, value: float) -> str:
        """GPU hours: `12.5`, `0.3`; less than half a tenth is `0`."""
        return f"{value:,.1f}".removesuffix(".0")

    def _moment(self, pattern: str, moment: datetime, zone: str | None) -> str:
        local = moment.astimezone(ZoneInfo(zone or self.zone))
        # CLDR's Korean has AM and PM, which nobody in Korea writes
        pattern = pattern.replace("{half}", "오전" if local.hour < 12 else "오후")
        return str(format_datetime(local.replace(tzinfo=None), pattern, locale=self.locale))

    def span(self, length: timedelta) -> str:
        """A length of time in its two largest units: `3일 4시간`; less than a minute is `1분 미만`."""
        minutes = max(int(length.total_seconds()), 0) // 60
        days, rest = divmod(minutes, 24 * 60)
        hours, minutes = divmod(rest, 60)
        parts = []
        if days:
            parts.append(self.ngettext("%(n)s day", "%(n)s days", days) % {"n": days})
        if hours:
            parts.append(self.ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours})
        if minutes and not days:
            parts.append(self.ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes})
        return " ".join(parts) or self.gettext("less than a minute")

    def points(self, value: float | None) -> str:
        """`12`, `7.5`; `–` for none."""
        if value is None:
            return "–"
        return f"{value:.2f}".rstrip("0").rstrip(".")
