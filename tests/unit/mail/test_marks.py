"""Marks: one for what overlaps, and no character lost."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.mail.marks import mark
from newsletter.model import Span


def test_keywords_that_overlap_or_touch_are_one_mark() -> None:
    text = "a latent diffusion model, self-supervised"
    spans = [Span(9, 24), Span(2, 18), Span(9, 18), Span(26, 31), Span(31, 41)]
    assert mark(text, spans).pieces == (
        ("a ", False),
        ("latent diffusion model", True),
        (", ", False),
        ("self-supervised", True),
    )


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=8), st.integers(0, 20), st.integers(0, 40))
@settings(max_examples=60)
def test_what_is_covered_is_marked_and_nothing_else(ends: list[tuple[int, int]], start: int, end: int) -> None:
    text = "abcdefghijklmnopqrstuvwxyz0123"
    spans = [Span(low, low + length) for low, length in ends]
    pieces = mark(text, spans, start, end).pieces
    assert "".join(piece for piece, _ in pieces) == text[start:end]
    shown = [is_marked for piece, is_marked in pieces for _ in piece]
    inside = range(start, min(max(end, start), len(text)))
    assert shown == [any(span.start <= at < span.end for span in spans) for at in inside]
    assert all(one != two for (_, one), (_, two) in pairwise(pieces))
