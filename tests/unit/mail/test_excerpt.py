"""Sentences are found where they end, and the ones that tell most are shown."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.excerpt import excerpt
from newsletter.mail.marks import Marked, mark, mark_clipped
from newsletter.mail.sentences import split_sentences
from newsletter.model import Span
from tests.bench.bench_excerpt import choices, measure

if TYPE_CHECKING:
    from pathlib import Path

ABSTRACT = (
    "Encoders are everywhere in search. However, labels remain dear. We propose a schedule that needs none of them. "
    "It is trained in two stages on text that nobody has labelled. Experiments show that it outperforms supervised "
    "encoders by 3.5 points. Code is available at https://example.org/code."
)


def spans_of(text: str, *words: str) -> tuple[Span, ...]:
    return tuple(Span(*match.span()) for word in words for match in re.finditer(word, text))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four.", 4),
        ("Some, e.g. BERT, i.e. Google's, do. Others do not.", 2),
        ("As Smith et al. (2020) say, cf. Fig. 3 and Eq. 4. We agree.", 2),
        ("Cats vs. Dogs are compared. It is 3.5 percent better.", 2),
        ("Work by J. R. Smith in the U.S. Army and Dr. No. It failed.", 2),
        ("See No. 7 of vol. 12. There is no. None at all.", 3),
        ("It said “Stop.” We did. (So it was.) And so on.", 4),
        ("Then I. We go.", 2),
        ("版权所有。新的方法。很好", 3),
        ("No end at all", 1),
        ("Wait... What? yes it is lower case. and this too", 2),
        ("   ", 0),
        ("", 0),
    ],
)
def test_sentences_end_where_they_end(text: str, count: int) -> None:
    assert len(split_sentences(text)) == count


@given(st.text(max_size=300))
def test_sentences_hold_all_there_is(text: str) -> None:
    bounds = split_sentences(text)
    assert "".join("".join(text[start:end].split()) for start, end in bounds) == "".join(text.split())
    assert all(before[1] <= after[0] for before, after in pairwise(bounds))


def test_the_idea_and_the_result_are_shown() -> None:
    shown = str(excerpt(ABSTRACT, (), 150))
    assert shown == (
        "We propose a schedule that needs none of them. … Experiments show that it outperforms supervised encoders "
        "by 3.5 points."
    )


def test_a_sentence_with_a_matched_word_is_always_there() -> None:
    shown = excerpt(ABSTRACT, spans_of(ABSTRACT, "search"), 150)
    assert ("search", True) in shown.pieces
    assert "Experiments show" in str(shown)


def test_neighbours_need_no_ellipsis_and_short_texts_come_whole() -> None:
    text = (
        "We propose a method that is quite new. We show that it works very well. " + "Nothing much is said here. " * 20
    )
    assert str(excerpt(text, (), 100)).startswith("We propose a method that is quite new. We show that")
    assert str(excerpt("Short and whole.", (), 100)) == "Short and whole."
    assert not excerpt(ABSTRACT, (), 0)
    assert not excerpt("", (), 300)


def test_a_long_sentence_is_cut_around_its_matched_word() -> None:
    text = "word " * 200 + "needle " + "word " * 200
    shown = excerpt(text, spans_of(text, "needle"), 120)
    assert ("needle", True) in shown.pieces
    assert str(shown).startswith("… word")
    assert str(shown).endswith("word…")
    assert len(str(shown)) <= 125


@given(
    st.text(max_size=600),
    st.integers(60, 300),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 30)), max_size=4),
)
def test_no_excerpt_is_longer_than_its_budget(text: str, budget: int, places: list[tuple[int, int]]) -> None:
    spans = tuple(Span(start, start + length) for start, length in places)
    assert len(str(excerpt(text, spans, budget))) <= budget + 10


def test_overlapping_and_impossible_spans_are_marked_once() -> None:
    assert mark("abcdef", [Span(1, 3), Span(2, 4), Span(5, 99), Span(-3, 0)]).pieces == (
        ("a", False),
        ("bcd", True),
        ("e", False),
        ("f", True),
    )
    assert str(mark_clipped("word " * 20, [Span(0, 4)], 12)) == "word word…"
    assert not Marked()


def test_the_choice_finds_idea_and_result_better_than_any_choice_by_place_or_centrality(shared_data: Path) -> None:
    lines = (shared_data / "relevance" / "sentences.jsonl").read_text("utf-8").splitlines()
    figures = measure([json.loads(line) for line in lines], choices())
    ours, in_mails = figures.pop("by cue and position"), figures.pop("the same, in a mail")
    assert ours["precision"] > 0.1 + max(figure["precision"] for figure in figures.values())
    for each in (ours, in_mails):
        assert each["idea"] > max(figure["idea"] for figure in figures.values())
        assert each["idea"] + each["result"] > 0.3 + max(other["idea"] + other["result"] for other in figures.values())
