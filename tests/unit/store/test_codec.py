from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model import Community, Digest, Entry, Keyword, Section, Selected
from newsletter.store.codec import content_hash, dumps, loads

instants = st.datetimes(timezones=st.just(UTC))
finite = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(float, finite)
st.register_type_strategy(datetime, instants)


@pytest.mark.parametrize("kind", [Digest, Entry, Community, Keyword, Section])
def test_values_come_back_exactly(kind: type) -> None:
    @given(st.builds(kind))
    def comes_back(value: Any) -> None:
        text = dumps(value)
        assert text.isascii()
        assert loads(kind, text) == value
        assert dumps(loads(kind, text)) == text

    comes_back()


def test_what_is_stored_today_is_read_tomorrow() -> None:
    text = (
        '{"considered":3,"issue_date":"2026-01-05","kind":"digest","sections":[{"papers":[{"paper_id":7,"score":1.5,'
        '"reasons":[{"kind":"keyword","text":"RAG","field":"title","spans":[{"start":0,"end":3}],"score":1.5}]}],'
        '"profile":"ml","profile_title":"ML","topic":"all"}],"a_field_that_is_gone":1}'
    )
    digest = loads(Digest, text)
    assert digest.issue_date == date(2026, 1, 5)
    assert digest.paper_ids == (7,)
    assert (digest.template, digest.sections[0].omitted) == ("digest", 0)


def test_lists_of_words_come_back_as_tuples() -> None:
    assert loads(tuple[str, ...], dumps(("a", "ä", "\ud83d", "\0"))) == ("a", "ä", "\ud83d", "\0")


def test_other_zones_keep_their_instant() -> None:
    there = datetime(2026, 1, 5, 6, tzinfo=timezone(timedelta(hours=9)))
    assert loads(Entry, dumps(Entry("x", "t", published_at=there))).published_at == there


def test_whole_numbers_stay_scores() -> None:
    score = loads(Selected, '{"paper_id":1,"score":2}').score
    assert isinstance(score, float)


def test_equal_values_have_one_name_and_others_another() -> None:
    assert content_hash(dumps(Keyword("a"))) == content_hash(dumps(Keyword("a", 1.0)))
    assert content_hash(dumps(Keyword("a"))) != content_hash(dumps(Keyword("b")))


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps(Keyword("a", float("nan")))
