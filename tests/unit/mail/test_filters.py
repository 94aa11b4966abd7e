"""What template authors apply: plain text that fits a terminal, marks in both parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from newsletter.languages import ENGLISH, language_of
from newsletter.languages.templates import language_filters
from newsletter.mail.filters import common_filters, display_width, html_filters, marked_text, wrap
from newsletter.mail.marks import Marked
from tests.support.mails import BRAND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("one two three four five", "one two three\nfour five"),
        ("x https://example.org/a/long/address y", "x\nhttps://example.org/a/long/address\ny"),
        ("日本語のタイトルです", "日本語のタイ\nトルです"),
        ("e\u0332" * 13 + " end", "e\u0332" * 13 + "\nend"),
    ],
)
def test_wrap(text: str, expected: str) -> None:
    assert wrap(text, width=13) == expected


def test_wrap_indents() -> None:
    assert wrap("one two three", width=10, indent="   ", first=" - ") == " - one two\n   three"
    assert wrap("one two three", width=10, indent="    ", first="- ") == "- one two\n    three"


@given(st.lists(st.text("abÄ·– 日", min_size=1, max_size=9), max_size=30).map(" ".join), st.integers(12, 40))
def test_wrapped_lines_fit_and_say_the_same(text: str, width: int) -> None:
    lines = wrap(text, width=width, indent="  ").split("\n")
    assert all(display_width(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_marks_show_in_both_parts() -> None:
    value = Marked((("<a> ", False), ("b & c", True)))
    shown = html_filters(BRAND)["marked"](value)
    assert isinstance(shown, Markup)
    assert shown.startswith('&lt;a&gt; <b class="mark" style="font-weight:inherit;')
    assert shown.endswith(">b &amp; c</b>")
    assert html_filters(BRAND)["marked"]("<i>") == "&lt;i&gt;"
    assert marked_text(value) == "<a> *b & c*"
    assert marked_text("plain\ntext") == "plain text"


def test_small_ones() -> None:
    filters = common_filters() | language_filters(ENGLISH)
    assert filters["listing"](["a"]) == "a"
    assert filters["listing"](["a", "b", "c"]) == "a, b and c"
    assert filters["listing"]([]) == ""
    assert filters["thousands"](1204) == "1,204"
    assert filters["clip"]("some words here", 11) == "some words…"


def test_wrapped_lines_keep_what_isolates_a_value_and_nothing_else_that_turns_lines_over() -> None:
    said = language_of("ar").gettext("%(title)s in mail", title="a   title\u202e")
    assert wrap(f"{said}\n\u202e end") == "\u2068a title\u2069 in mail end"
    assert display_width("\u2068ab\u2069") == 2
