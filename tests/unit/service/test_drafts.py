from datetime import time

import pytest

from newsletter.model import Frequency, Keyword, SubscriberDraft, SubscriberStatus, Weekday
from newsletter.service.drafts import COLUMNS, Vocabulary, complete, is_empty, read_draft, words_of
from newsletter.settings.models import DefaultSettings
from tests.support.samples import make_draft, make_subscriber

KNOWN = Vocabulary(frozenset({"vision", "language-models"}), frozenset({"digest", "short"}))


def test_every_column_is_read() -> None:
    words = {
        "address": " Ada@Example.org ",
        "zone": "Europe/London",
        "send_at": "7:30",
        "frequency": "Weekly",
        "weekday": "friday",
        "profiles": "vision; language-models",
        "keywords": 'protein folding;"RAG"^2',
        "language": "en",
        "template": "short",
        "status": "Pending",
    }
    draft, refusals = read_draft(words, KNOWN)
    assert refusals == []
    assert draft is not None
    assert draft.address.key == "ada@example.org"
    assert (draft.zone, draft.send_at_local) == ("Europe/London", time(7, 30))
    assert (draft.frequency, draft.weekday) == (Frequency.WEEKLY, Weekday.FRIDAY)
    assert draft.profiles == ("vision", "language-models")
    assert draft.keywords == (Keyword("protein folding"), Keyword('"RAG"', 2.0))
    assert (draft.language, draft.template, draft.status) == ("en", "short", SubscriberStatus.PENDING)


def test_an_empty_word_says_nothing_and_none_says_an_empty_list() -> None:
    draft, _ = read_draft({"address": "a@example.org", "zone": " ", "profiles": "none", "keywords": ""}, KNOWN)
    assert draft is not None
    assert (draft.zone, draft.profiles, draft.keywords) == (None, (), None)


@pytest.mark.parametrize(
    ("column", "word", "message", "advice"),
    [
        ("address", "", "there is no address", "name@domain"),
        ("address", "ada", "ada", ""),
        ("zone", "Europe/Berln", "is not a time zone", "Europe/Berlin"),
        ("send_at", "25:00", "is not a time of day", "HH:MM"),
        ("frequency", "dayly", "is not a frequency", "daily"),
        ("weekday", "someday", "is not a day of the week", "day"),
        ("profiles", "visoin", "there is no profile “visoin”", "vision"),
        ("profiles", "xxxxx", "there is no profile", "newsletter profiles list"),
        ("keywords", "a;x^0", "is not above 0", ""),
        ("keywords", "graph*;a*", "at least two letters", ""),
        ("keywords", '"RAG', "without its partner", ""),
        ("keywords", "---", "holds no letter or digit", ""),
        ("language", "English!", "is not a language", "en"),
        ("template", "shrt", "there is no template “shrt”", "short"),
        ("status", "activ", "is not a status", "active"),
    ],
)
def test_each_bad_word_is_refused_with_what_to_do(column: str, word: str, message: str, advice: str) -> None:
    draft, refusals = read_draft({"address": "a@example.org", column: word}, KNOWN)
    assert draft is None
    [refusal] = refusals
    assert refusal.column == column
    assert message in refusal.message
    assert advice in refusal.advice


def test_all_bad_words_of_a_line_are_told_at_once() -> None:
    _, refusals = read_draft({"address": "ada", "zone": "Mars", "status": "x"}, KNOWN)
    assert [refusal.column for refusal in refusals] == ["address", "zone", "status"]


def test_words_of_a_subscriber_are_read_back_as_the_same_subscriber() -> None:
    subscriber = make_subscriber(profiles=("vision",), keywords=(Keyword("a;b", 2.0),))
    draft, refusals = read_draft(words_of(subscriber), KNOWN)
    assert refusals == []
    assert words_of(subscriber) == words_of(draft or make_draft())
    assert set(words_of(subscriber)) == set(COLUMNS)


def test_somebody_new_gets_the_configured_defaults_where_the_draft_is_silent() -> None:
    defaults = DefaultSettings.model_validate({"zone": "Asia/Tokyo", "send_at": "06:15", "frequency": "weekdays"})
    draft = complete(SubscriberDraft(make_draft().address, zone="UTC"), defaults, "de")
    assert (draft.zone, draft.send_at_local, draft.frequency) == ("UTC", time(6, 15), Frequency.WEEKDAYS)
    assert (draft.language, draft.template, draft.status) == ("de", "digest", SubscriberStatus.ACTIVE)
    assert draft.profiles is None


def test_a_draft_that_says_nothing_is_empty() -> None:
    assert is_empty(SubscriberDraft(make_draft().address, proof="x"))
    assert not is_empty(SubscriberDraft(make_draft().address, keywords=()))
