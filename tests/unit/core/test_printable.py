"""Characters that break mails are taken out; characters that people need stay."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.printable import clip, one_line, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x07c", "abc"),
        ("a\tb\nc\x85d\u2028e", "a b c d e"),
        ("\u202eabc\u202c \u2066x\u2069", "abc x"),
        ("\ud800x\udfff", "x"),
        ("\ufeffx\ufffe\U0001ffff", "x"),
        ("👩‍👩‍👧 می‌خواهم", "👩‍👩‍👧 می‌خواهم"),
        ("e\u0301", "é"),
        ("Z" + "\u0334" * 50, "Z" + "\u0334" * 4),
        ("", ""),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_one_line_collapses_white_space() -> None:
    assert one_line("  a \r\n\tb\xa0 c ") == "a b c"
    assert one_line(" a ") == "a"


@given(st.text(alphabet=st.characters(), max_size=80))
def test_what_is_printed_encodes_and_stays_as_it_is(text: str) -> None:
    shown = one_line(text)
    assert shown.encode().decode() == shown
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in shown)
    assert one_line(shown) == shown


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 5, "short"),
        ("a sentence, with words", 14, "a sentence…"),
        ("W" * 20, 10, "W" * 9 + "…"),
        ("x" * 8 + "e\u0332\u0333y" * 3, 11, "x" * 8 + "…"),
        ("x" * 8 + "👩‍👩‍👧" * 3, 11, "x" * 8 + "…"),
        ("x" * 8 + "🇩🇪🇫🇷", 11, "x" * 8 + "…"),
        ("a" + "\u0332" * 500, 20, "a" + "\u0332" * 18 + "…"),
    ],
)
def test_clip_cuts_between_what_is_read_as_one(text: str, limit: int, expected: str) -> None:
    assert clip(text, limit) == expected


@given(st.text(max_size=200), st.integers(min_value=2, max_value=100))
def test_clip_never_exceeds_its_limit(text: str, limit: int) -> None:
    assert len(clip(text, limit)) <= limit
