"""Dates, numbers, lists and plurals as each language writes them, and values that keep their own direction."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest
from markupsafe import Markup

from newsletter.languages import ENGLISH, known_codes, language_of

DAY = date(2026, 11, 24)
AT = datetime(2026, 11, 24, 7, 5, tzinfo=UTC)


def test_english_dates_and_numbers() -> None:
    assert ENGLISH.long_date(DAY) == "Tuesday 24 November 2026"
    assert ENGLISH.weekday(DAY, is_this_year=True) == "Tuesday 24 November"
    assert ENGLISH.day(DAY) == "24 Nov 2026"
    assert ENGLISH.short_date(date(2026, 5, 1)) == "1 May"
    assert ENGLISH.short_day(DAY) == "Tue 24 Nov"
    assert ENGLISH.time(time(7, 5)) == "07:05"
    assert ENGLISH.moment(AT) == "24 Nov 2026, 07:05 UTC"
    assert [ENGLISH.listing("abc"[:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert [ENGLISH.ngettext("%(num)s paper", "%(num)s papers", number) for number in (0, 1, 2, 1204)] == [
        "0 papers",
        "1 paper",
        "2 papers",
        "1,204 papers",
    ]


@pytest.mark.parametrize(
    ("code", "long", "short", "clock", "number"),
    [
        ("de", "Dienstag, 24. November 2026", "24. Nov.", "07:05", "1.204"),
        ("ar", "الثلاثاء، 24 نوفمبر 2026", "24 نوفمبر", "7:05 ص", "1,204"),
        ("fr", "mardi 24 novembre 2026", "24 nov.", "07:05", "1\u202f204"),
    ],
)
def test_other_languages_write_them_their_own_way(code: str, long: str, short: str, clock: str, number: str) -> None:
    language = language_of(code)
    assert (language.long_date(DAY), language.short_date(DAY)) == (long, short)
    assert (language.time(AT), language.number(1204)) == (clock, number)


def test_directions_and_names() -> None:
    known = [language_of(code) for code in known_codes()]
    assert [(each.code, each.name, each.direction) for each in known] == [
        ("en", "English", "ltr"),
        ("ar", "العربية", "rtl"),
        ("de", "Deutsch", "ltr"),
    ]


def test_a_region_has_the_texts_of_its_language() -> None:
    assert language_of("de-AT").catalogue.gettext("Language") == language_of("de").catalogue.gettext("Language")
    assert language_of("de-AT").long_date(date(2026, 1, 5)) == "Montag, 5. Jänner 2026"


@pytest.mark.parametrize("code", ["xx", "fr", "x-klingon", "q" * 8])
def test_a_language_without_a_catalogue_says_everything_in_english(code: str) -> None:
    assert language_of(code).gettext("no %(thing)s", thing="catalogue") == "no catalogue"
    assert language_of(code).long_date(DAY)


def test_what_is_put_into_a_sentence_from_right_to_left_does_not_turn_it_over() -> None:
    arabic = language_of("ar")
    assert arabic.gettext("%(title)s x", title="RAG") == "\u2068RAG\u2069 x"
    assert arabic.shown({"title": Markup("<b>RAG</b>")})["title"].__html__() == "\u2068<b>RAG</b>\u2069"
    assert arabic.gettext("%(count)s x", count=1204) == "1,204 x"
    assert ENGLISH.gettext("%(title)s x", title="RAG") == "RAG x"
