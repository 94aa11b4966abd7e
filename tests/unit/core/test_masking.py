"""No part before an @ stays in a text, however it is written; what is no address stays as it is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.masking import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 5.1.1 <anna.lange@example.org>: unknown", "550 5.1.1 <***@example.org>: unknown"),
        ("to=<anna+tag@example.org>, relay=mx", "to=<***@example.org>, relay=mx"),
        ('"anna lange"@example.org is gone', "***@example.org is gone"),
        (r'<"anna \"a\" lange"@example.org>', "<***@example.org>"),
        ("öykü@müller.example wartet", "***@müller.example wartet"),
        ("用户@例子.广告", "***@例子.广告"),
        ("rfc822;anna@[192.0.2.1]", "rfc822;***@[192.0.2.1]"),
        ("utf-8-addr-xtext;\\x{5B66}a@example.org", "utf-8-addr-xtext;***@example.org"),
        ("(anna@example.org,bob@example.org)", "(***@example.org,***@example.org)"),
        ("b+12-anna=example.org@bounces.example", "***@bounces.example"),
        ("a@b@example.org", "***@***@example.org"),
        ("mailto:anna@example.org?subject=x", "mailto:***@example.org?subject=x"),
        ("https://x.example/u?a=anna%2Bx%40example.org&b=1", "https://x.example/u?a=***%40example.org&b=1"),
        ("postgresql://news:secret@db.example/news", "postgresql://news:***@db.example/news"),
        ("anna@localhost", "***@localhost"),
        ("two papers @ 9 o'clock, @everybody", "two papers @ 9 o'clock, @everybody"),
        ("", ""),
    ],
)
def test_masked(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert masked(expected) == expected


LOCAL = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='@<>()[]\\,;:"'), min_size=1
)


@given(LOCAL, st.sampled_from(["550 <%s>", "%s", 'said "%s".', "(%s)", "a,%s;b", "%s %s"]))
def test_whatever_stands_before_the_at_is_gone(local: str, frame: str) -> None:
    address = f"{local}@example.org"
    assert masked(frame.replace("%s", address)) == frame.replace("%s", "***@example.org")


@pytest.mark.parametrize(
    "unit", ["a", '"', '\\"', '"\\"', "a@", "@", "%40", "a%40", '"a', "=", "a ", "\\"], ids=[str(n) for n in range(12)]
)
def test_no_text_makes_it_slow(unit: str) -> None:
    """Twice the length takes about twice the time: a text that is read again from each place would take four times."""

    def cost_s(length: int) -> float:
        text = unit * (length // len(unit)) + "@ %40"
        begun = time.process_time()
        masked(text)
        return time.process_time() - begun

    assert min(cost_s(200_000) for _ in range(3)) < 20 * min(cost_s(50_000) for _ in range(3)) + 0.2
