"""A language as a value: what pages and mails ask for their words, dates and numbers. Nothing here reads a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from babel.dates import format_time, parse_pattern
from babel.lists import format_list
from babel.numbers import format_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime, time
    from gettext import NullTranslations

    from babel import Locale

# Skeletons (UTS 35) that locales give a pattern for, and the wider fields that are wanted of it.
LONG: Final = ("yMMMEd", "EEEE", "MMMM")
DAY: Final = ("yMMMd", "E", "MMM")
SHORT: Final = ("MMMd", "E", "MMM")
SHORT_DAY: Final = ("MMMEd", "E", "MMM")
WEEKDAY: Final = ("MMMEd", "EEEE", "MMMM")
# British English, without the comma that it has after a weekday only where a year follows.
OWN: Final = {("en", LONG): "EEEE d MMMM y"}
STARTS_ISOLATE: Final = "\u2068"
ENDS_ISOLATE: Final = "\u2069"


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One language. ``code`` is its tag (RFC 5646), ``name`` what it calls itself; ``direction`` is ``ltr``, or ``rtl``
    where one writes from right to left.

    Messages are English sentences with values as ``%(name)s``, as a percent sign ``%%``. Whole numbers among the values
    are written as the language does.
    """

    code: str
    locale: Locale = field(repr=False)
    catalogue: NullTranslations = field(repr=False)
    direction: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", self.locale.text_direction)  # which Babel finds out anew each time

    @property
    def name(self) -> str:
        """What the language calls itself, e.g. ``Deutsch``."""
        return self.locale.get_language_name(self.locale) or self.code

    def gettext(self, message: str, **values: object) -> str:
        """Return a message in this language; in English where the catalogue has none."""
        return self.catalogue.gettext(message) % self.shown(values)

    def ngettext(self, singular: str, plural: str, number: int, **values: object) -> str:
        """Return the form that ``number`` asks for; it is a value, too: ``%(num)s``."""
        return self.catalogue.ngettext(singular, plural, number) % self.shown({"num": number, **values})

    def pgettext(self, context: str, message: str, **values: object) -> str:
        """Return a message that means different things in different contexts."""
        return self.catalogue.pgettext(context, message) % self.shown(values)

    def shown(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values as they stand in a message: numbers written out, and in a language from right to left each
        text isolated from what is around it (UAX 9), for a title in English must not turn the sentence over.
        """
        return {name: self._shown(value) for name, value in values.items()}

    def _shown(self, value: Any) -> Any:
        if type(value) is int:
            return self.number(value)
        if value and isinstance(value, str):
            return self.isolated(value)
        return value

    def isolated(self, text: str) -> str:
        """Return a text that keeps its own direction among others; in a language from left to right, as it is."""
        return STARTS_ISOLATE + text + ENDS_ISOLATE if self.direction == "rtl" else text  # HTML stays HTML

    def number(self, number: float) -> str:
        """Return e.g. ``1,204``, in the digits that Europeans call Arabic."""
        return _number(number, self.locale)

    def long_date(self, day: date) -> str:
        """Return e.g. ``Tuesday 24 November 2026``."""
        return self._date(day, LONG)

    def weekday(self, day: date, is_this_year: bool = False) -> str:  # noqa: FBT001, FBT002 (templates name none)
        """Return e.g. ``Tuesday 24 November 2026``; the year is left out where all know it."""
        return self._date(day, WEEKDAY if is_this_year else LONG)

    def day(self, day: date) -> str:
        """Return e.g. ``24 Nov 2026``."""
        return self._date(day, DAY)

    def short_date(self, day: date) -> str:
        """Return e.g. ``24 Nov``."""
        return self._date(day, SHORT)

    def short_day(self, day: date) -> str:
        """Return e.g. ``Tue 24 Nov``."""
        return self._date(day, SHORT_DAY)

    def time(self, when: time | datetime) -> str:
        """Return e.g. ``07:00``, in the zone that ``when`` has."""
        return str(format_time(when.replace(tzinfo=None), "short", locale=self.locale))

    def moment(self, when: datetime) -> str:
        """Return a time in UTC, e.g. ``24 Nov 2026, 07:00 UTC``."""
        return self.gettext("%(day)s, %(time)s UTC", day=self.day(when), time=self.time(when))

    def listing(self, names: Sequence[str]) -> str:
        """Return e.g. ``a``, ``a and b`` or ``a, b and c``."""
        return str(format_list(names, "standard", self.locale)) if names else ""

    def _date(self, day: date, form: tuple[str, str, str]) -> str:
        return _dated(day, self.locale, form)


@lru_cache(maxsize=1024)
def _dated(day: date, locale: Locale, form: tuple[str, str, str]) -> str:
    return str(parse_pattern(_pattern(locale, form)).apply(day, locale))


@lru_cache(maxsize=4096)
def _number(number: float, locale: Locale) -> str:
    return str(format_decimal(number, locale=locale))


@lru_cache(maxsize=256)
def _pattern(locale: Locale, form: tuple[str, str, str]) -> str:
    """Return a date's pattern, its fields widened as UTS 35 says (Babel does not)."""
    if own := OWN.get((locale.language, form)):
        return own
    skeleton, weekday, month = form
    pattern = locale.datetime_skeletons[skeleton].pattern
    return re.sub("E+", weekday, re.sub("[ML]{3,}", lambda found: found[0][0] * len(month), pattern))
