"""Which words share a stem, and which do not although Snowball says so."""

from __future__ import annotations

from itertools import combinations

import pytest

from newsletter.core.english import english_stem
from newsletter.core.stem import stem
from newsletter.core.word_families import STEMS, families

APART = """
import important | experiment experience | conversation conversion | position positive | author authority
universe university universal | organ organization | general generate generalize | adverse adversary adversity
police policy | relation relative relativity | transform transformer | normal normalize | regular regularize
object objective | function functional | variation variational variability | direct direction | several severe
local localize | mechanics mechanism | critic critical | multiple multiplication | nature natural
distribute distribution | integral integrate integrable integrity | different difference differential differentiate
continue continuous continual continuation | active activity activate | transit transition transitive | mean meaning
person personal personality personalize | definition definite definitive | decidable decision decisive
electron electronic | mortal mortality | emergence emergency | determine determinant deterministic
conserve conservative | negation negative | module modulation | contain container | contract contraction
valid validate | information informed informal informative | certificate specific | rate ratio ration
product production productive | present presentation | project projection | specification specific
theory theorem | sparse spare | hypothesis hypothetical | form formal format formation | station state static
"""
TOGETHER = """
important importance importantly | experience experiences experienced | experiment experiments experimental
conversation conversations conversational | convert converted | position positions positional positioned
transformer transformers | operate operation operations operator | normalize normalization normalizing normalisation
classify classifies classified classification classifications classifier | verify verification verified verifiable
quantify quantification | identify identification identifiable | specify specification | unify unification
explain explains explained explanation explanations explainable explanatory | sparse sparsity sparsely
dialogue dialog dialogues dialogs | analogue analog | catalogue catalogs | decide decision decisions decided deciding
analyse analyze analysis analyses analysed analyzing | hypothesis hypotheses hypothesize | axis axes
synthesis synthesize synthesise syntheses | stable stability | private privacy privately | accurate accuracy
symmetry symmetries symmetric | theory theories theoretic theoretical | optimal optimize optimization optimiser
generate generation generative generator | relation relations relate | policy policies | adversary adversarial
generalise generalize generalization generalisations generalizing | meaning meanings meaningful | nature natures
differentiable differentiability | distribution distributions distributional
consistent consistency consistently | composition compositionality
 direction directions directional
"""


def lines(text: str) -> list[str]:
    return [" ".join(group.split()) for group in text.replace("\n", "|").split("|") if group.strip()]


@pytest.mark.parametrize("words", lines(APART))
def test_words_of_different_meaning_are_kept_apart(words: str) -> None:
    assert [pair for pair in combinations(words.split(), 2) if stem(pair[0]) == stem(pair[1])] == []


@pytest.mark.parametrize("words", lines(TOGETHER))
def test_inflection_and_close_derivation_are_kept_together(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


def test_each_family_has_a_stem_of_its_own_that_begins_its_words() -> None:
    stems = [{stem(word) for word in family} for family in families()]
    assert all(len(each) == 1 for each in stems)
    assert len(set.union(*stems)) == len(stems)
    for word, shared in STEMS.items():
        assert stem(word) == shared
        assert word.startswith(shared[:-2])  # what the lexicon's shortcut around stemming counts on


def test_no_family_is_listed_in_vain() -> None:
    """Each does what Snowball does not: its stem is another one, or its words have several there."""
    for family in families():
        by_snowball = {english_stem(word) for word in family}
        assert by_snowball != {stem(family[0])}, family
