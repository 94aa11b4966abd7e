"""The written-out stemmer against the one that Snowball generates."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import snowballstemmer
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.english import english_stem

if TYPE_CHECKING:
    from pathlib import Path

ORACLE = snowballstemmer.stemmer("english")
ROOTS = (
    "hop hope plan succ proc exc even cann inn earr herr out d t l add egg off organ gener univers past emerg inter "
    "later commun arsen sk gentl bias diffus supervis learn abil predic relat nation sens conform vis use radic depend "
    "syllog biolog y yy ay say play cry tie agr fr bl at iz fall control feel rall toy boy by dy"
)
SUFFIXES = (
    ", s, es, ies, ied, sses, us, ss, eed, eedly, ed, edly, ing, ingly, y, ly, li, e, ll, ic, al, ical, "
    "ation, ational, "
    "tional, ization, izer, izers, ator, alism, aliti, ality, fully, fulness, ousness, iveness, ivity, ability, ably, "
    "ogy, ogist, logically, ness, icate, ative, alize, iciti, ance, ence, ency, able, ible, ant, ement, ment, "
    "ent, sion, "
    "tion, ion, ism, ous, ive, ize, er, est, lessly, ently, ously"
)


def test_stems_are_those_of_snowball() -> None:
    words = {
        root + suffix + more for root in ROOTS.split() for suffix in SUFFIXES.split(", ") for more in ("", "s", "ed")
    }
    words |= {"skis", "skies", "idly", "gently", "ugly", "early", "only", "singly", "andes", "atlas", "news", "howe"}
    different = {word for word in words if english_stem(word) != ORACLE.stemWord(word)}
    assert not different


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="aeiouybdglnrst", min_size=1, max_size=9), st.sampled_from(SUFFIXES.split(", ")))
def test_stems_of_made_up_words_are_those_of_snowball(root: str, suffix: str) -> None:
    assert english_stem(root + suffix) == ORACLE.stemWord(root + suffix)


def test_stems_of_recorded_abstracts_are_those_of_snowball(shared_data: Path) -> None:
    text = (shared_data / "papers" / "hf-search.json").read_text(encoding="utf-8")
    words = {word for row in json.loads(text)["papers"] for word in re.findall("[a-z]+", row["abstract"].lower())}
    assert [word for word in words if english_stem(word) != ORACLE.stemWord(word)] == []


@pytest.mark.parametrize("word", ["", "a", "by", "yyyyyy", "sssss", "eeeee"])
def test_odd_words(word: str) -> None:
    assert english_stem(word) == ORACLE.stemWord(word)
