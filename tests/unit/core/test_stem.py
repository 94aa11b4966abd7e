from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.keyword import parse_keyword
from newsletter.core.match_lexicon import Lexicon, Words
from newsletter.core.stem import TOKEN, fold, stem


@pytest.mark.parametrize(
    "words",
    [
        "supervise supervised supervising supervision supervises",
        "unsupervised Unsupervised unsupervisedly",
        "network networks Networks NETWORK",
        "GPU GPUs gpu",
        "LLM LLMs llms",
        "API APIs",
        "ReLU ReLUs",
        "embed embeds embedded embedding embeddings",
        "lens lenses",
        "gas gases",
        "axis axes",
        "thesis theses",
        "helix helices",
        "menu menus",
        "organisation organization organise organizing",
        "analysis analyses analyse analyze analyzing",
        "hypothesis hypotheses",
        "matrix matrices",
        "behaviour behavior",
        "modelling modeling models",
        "fibre fiber",
        "сеть сети сетей",
        "Erdős Erdos",
        "Straße strasse",
    ],
)
def test_inflections_and_spellings_share_a_stem(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


@pytest.mark.parametrize("words", ["rat ratio rate", "new news", "universe university", "thus thu", "C C++ C#"])
def test_different_words_do_not(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == len(words.split())


def test_tokens() -> None:
    found = TOKEN.findall("C++ and C#, in 3D: GPT-4o, ℓ₁-norm. 深度 Alzheimer's snake_case x̂ हिन्दी E. coli")
    assert " ".join(found) == "C++ and C# in 3D GPT 4o ℓ₁ norm . 深 度 Alzheimer's snake case x̂ हिन्दी E coli"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=20))
def test_folding_any_token_twice_changes_nothing(text: str) -> None:
    for token in TOKEN.findall(text):
        assert isinstance(stem(token), str)
        assert fold(fold(token)) == fold(token)


SPELLINGS = (
    "dying lying skies centre centres theatre policies policy matrices mice women analyses analyzed behaviours hoping "
    "hopping relational conditional vietnamization triplicate formalize electrical sensibility generously studies"
)
WORDS = SPELLINGS.split()


def test_the_shortcut_around_stemming_loses_no_word() -> None:
    for keyword in WORDS:
        lexicon = Lexicon()
        lexicon.add(parse_keyword(keyword))
        words = Words(lexicon)
        for word in WORDS:
            number = words[word]
            symbols, first, counts, _ = words.arrays()
            found = counts[number] > 0
            assert found == (stem(word) == stem(keyword)), (keyword, word, symbols, first)
