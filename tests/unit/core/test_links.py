"""Signed links: short, lasting, and the same as the library would make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from newsletter.core.links import Links


# Beyond ids that a column can hold the library would compress some.
@given(st.text(min_size=1, max_size=40, alphabet=st.characters(codec="utf-8")), st.integers(0, 2**31 - 1))
def test_tokens_are_those_of_the_library(secret: str, number: int) -> None:
    links = Links(secret, "https://news.example.org")
    token = links.unsubscribe_url(number).removeprefix("https://news.example.org/unsubscribe/")
    assert token == URLSafeSerializer(secret, salt="newsletter.unsubscribe").dumps(number)
    assert links.read_unsubscribe(token) == number
    assert len(token) < 60
    assert Links(secret + "x", "").read_unsubscribe(token) is None
