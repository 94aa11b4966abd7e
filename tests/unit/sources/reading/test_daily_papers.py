"""Hugging Face's daily papers: what is counted, however it is written."""

from __future__ import annotations

import pytest

from newsletter.sources.reading.daily_papers import count


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (41, 41),
        (0, 0),
        ("41", 41),
        (" 0041 ", 41),
        ("0", 0),
        (41.0, 41),
        (2**31 - 1, 2**31 - 1),
        (2**31, None),
        ("9" * 5000, None),
        (41.5, None),
        (float("inf"), None),
        (float("nan"), None),
        (-1, None),
        ("-1", None),
        ("4.1k", None),
        ("٤١", None),
        ("", None),
        (True, None),
        (None, None),
        ([41], None),
    ],
)
def test_counts_are_taken_as_numbers_or_as_text(value: object, expected: int | None) -> None:
    assert count(value) == expected
