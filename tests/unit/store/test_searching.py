"""Questions to PostgreSQL's index: taken apart, they find the same, and no usual word shares one with a phrase."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.index_plan import AllOf, AnyOf, Phrase, Plan, Word
from newsletter.store.searching import apart

WORDS = ["ta", "tb", "tc"]
TEXTS = [" ".join(words) for length in range(4) for words in product(WORDS, repeat=length)]

phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(lambda words: Phrase(tuple(map(Word, words))))
plans = st.recursive(
    phrases,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda plans: AnyOf(tuple(plans))),
        st.builds(
            lambda plans, without: AllOf(tuple(plans), tuple(without)),
            st.lists(inner, min_size=1, max_size=2),
            st.lists(phrases, max_size=1),
        ),
    ),
    max_leaves=8,
)


def finds(plan: Plan, text: str) -> bool:
    match plan:
        case Phrase(words):
            return f" {' '.join(word.text for word in words)} " in f" {text} "
        case AnyOf(inner):
            return any(finds(each, text) for each in inner)
        case AllOf(inner, without):
            return all(finds(each, text) for each in inner) and not any(finds(each, text) for each in without)


@given(plans)
def test_one_of_them_finds_what_the_whole_finds(plan: Plan) -> None:
    asked = apart(plan)
    for text in TEXTS:
        assert sum(finds(each, text) for each in asked) == finds(plan, text)


def test_a_word_is_asked_for_apart_from_its_spelling_in_two() -> None:
    word, spelling, other = (Phrase(tuple(map(Word, text.split()))) for text in ("tdataset", "tdata tset", "glg"))
    by_word, by_spelling = AllOf((word, other)), AllOf((spelling, other))
    assert apart(AllOf((AnyOf((word, spelling)), other))) == [AllOf((by_word,)), AllOf((by_spelling,), (by_word,))]


def test_what_is_asked_for_by_words_or_by_a_phrase_alone_stays_whole() -> None:
    for plan in (Phrase((Word("ta"),)), Phrase((Word("ta"), Word("tb")))):
        assert apart(plan) == [plan]
