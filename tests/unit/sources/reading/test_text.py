from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources.reading.text import (
    LONGEST_ABSTRACT,
    derived_title,
    looks_like_html,
    plain_text,
    readable_text,
)

PLAIN = [
    "for $n<m$ and $p>q$ we have $k<l",
    "if a <b and c> d",
    "x<y, k<p>q",
    "sizes <1 minute and > 3 GB",
    "an <i and a j> bound",
    "generic Vec<T> and Map<K, V>",
    r"\textbf{bold} $\|x\|_2 \le \frac{1}{2}$ ~\cite{a}",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_that_looks_like_html_is_kept(text: str) -> None:
    assert not looks_like_html(text)
    assert readable_text(text, 1000) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One</p><p>two</p>", "One two"),
        ("One<br>two<br/>three", "One two three"),
        ("<p>$n&lt;m$ and x<sub>1</sub></p>", "$n<m$ and x1"),
        ("<p>for $n<m$ and $p>q$</p>", "for $n<m$ and $p>q$"),
        ("<jats:p>We <jats:italic>show</jats:italic></jats:p>", "We show"),
        ("a<script>alert(1)</script>b</p>", "ab"),
        ("<style>p{}</style><p>text</p>", "text"),
        ("<!-- hidden -->shown", "shown"),
        ("<!-- never closed <p>shown</p>", "never closed shown"),
        ("<p><![CDATA[wrapped]]></p>", "wrapped"),
        ("<p>caf&eacute; &amp; &#8364;", "café & €"),
        ("<svg><p>no</p></svg><p>yes", "yes"),
        ("<p>cut <a href='x", "cut <a href='x"),
    ],
)
def test_html_becomes_text(source: str, text: str) -> None:
    assert readable_text(source, 1000) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("AT&amp;T &#8217; &Auml; &unknown; &lt;x&gt;", "AT&T ’ Ä &unknown; <x>"),
        ("&#1114112;&#xD800;&#0;&#128;", "\ufffd\ufffd\ufffd€"),
        ("a\0b\x1bc\u202ed\ud800e", "abcde"),
        (" a \u00a0\n b\tc ", "a b c"),
        ("e\u0301", "é"),
    ],
)
def test_references_controls_and_spaces(source: str, text: str) -> None:
    assert plain_text(source, 1000) == text


def test_long_text_is_cut_between_words() -> None:
    text = plain_text("word " * 10_000, LONGEST_ABSTRACT)

    assert len(text) <= LONGEST_ABSTRACT
    assert text.endswith("word…")


def test_title_from_text() -> None:
    assert derived_title("A first sentence that is long enough. And more.") == "A first sentence that is long enough."
    assert derived_title("Short") == "Short"
    cut = derived_title("word " * 50)
    assert cut.endswith("…")
    assert len(cut) <= 80


@given(st.text(st.sampled_from("<>/!-pab&; =\"'[]CDATA$#x0"), max_size=200))
def test_any_text_comes_out_without_controls_and_within_its_limit(source: str) -> None:
    text = readable_text(source, 100)

    assert len(text) <= 100
    assert text == " ".join(text.split())


@given(st.text(st.characters(exclude_characters="<&"), max_size=200))
def test_text_without_markup_stays_as_plain_text_would(source: str) -> None:
    assert readable_text(source, 1000) == plain_text(source, 1000)


@pytest.mark.parametrize("piece", ["<!--", "<!", "<?", "</", "<a ", "<![CDATA[", "&#", "&lt;!--", "<p><", "<b"])
def test_unclosed_markup_takes_no_quadratic_time(piece: str) -> None:
    source = "<p>x</p>" + piece * (200_000 // len(piece))
    started = time.process_time()

    readable_text(source, LONGEST_ABSTRACT)

    assert time.process_time() - started < 5
