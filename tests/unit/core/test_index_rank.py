"""The order of a search: what is counted of a paper's words, against counting them one by one."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.index_plan import AllOf, AnyOf, Phrase, Plan, Word
from newsletter.core.index_rank import FIELD_WEIGHTS, SATURATION, Scorer, Statistics, phrases, statistics
from newsletter.core.index_words import YEAR_ONE

NOW = YEAR_ONE + timedelta(days=3)
WORDS = ["twa", "twaa", "twawa", "awa", "awaa", "awb", "nwa", "b"]

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12)
words = st.builds(Word, st.sampled_from(WORDS[:-1]), st.booleans())
plans = st.lists(
    st.builds(
        lambda before, last: Phrase((*map(Word, before), last)),
        st.lists(st.sampled_from(["twa", "awa", "awaa"]), max_size=2),
        words,
    ),
    min_size=1,
    max_size=4,
).map(lambda found: AnyOf(tuple(found)))


def times(phrase: Phrase, text: list[str]) -> int:
    size = len(phrase.words)
    return sum(
        all(
            there.startswith(word.text) if word.is_prefix else there == word.text
            for there, word in zip(text[begin : begin + size], phrase.words, strict=True)
        )
        for begin in range(len(text) - size + 1)
    )


@given(plans, texts)
def test_every_place_counts_once_by_its_field(plan: Plan, text: list[str]) -> None:
    weights = {phrase: FIELD_WEIGHTS.get(phrase.words[0].text[0], 1.0) for phrase in phrases(plan)}
    weighted = sum(weight * times(phrase, text) for phrase, weight in weights.items())
    known = statistics([" ".join(text), "twx awy"])
    (score,) = Scorer([plan], known, NOW).scores([(0, " ".join(text))])
    (twice,) = Scorer([plan, AllOf((plan,))], known, NOW).scores([(0, " ".join(text))])
    assert twice == pytest.approx(2 * score)
    norm = SATURATION * (0.5 + 0.5 * (len(text) - 1) / known.average_length)
    rarity = min(max(known.rarity(word.text) for word in phrase.words) for phrase in weights)
    freshness = 1 + 0.5 * 2 ** (-3 / 60)
    assert score == pytest.approx(freshness * rarity * weighted / (weighted + norm))


def test_a_fresh_paper_with_a_rare_word_in_its_title_comes_first() -> None:
    known = Statistics(100, average_length=10)
    known.holding.update({"twa": 90, "awa": 90})
    today = 3 * 24 * 60
    told = [(today, "twb awc"), (0, "twb awc"), (today, "twc awb"), (today, "twa awc"), (today, "twc awc")]
    terms = [AnyOf(tuple(Phrase((Word(letter + word),)) for letter in "ta")) for word in ("wa", "wb")]
    scores = Scorer(terms, known, NOW).scores(told)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] == 0
