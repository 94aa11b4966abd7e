"""Accept-Language as RFC 9110 defines it, looked up as RFC 4647 does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.languages import chosen_code

KNOWN = ("en", "ar", "de", "pt-BR")


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("de", "de"),
        ("DE-at, en;q=0.5", "de"),
        ("fr, ar;q=0.4, de;q=0.7", "de"),
        ("fr;q=1.0, ar ; q=0.4", "ar"),
        ("en;q=0.2, de;q=0.20, ar;q=0.3", "ar"),
        ("pt-br", "pt-BR"),
        ("pt", "en"),
        ("ar;q=0, *;q=0.5", "en"),
        ("*", "en"),
        ("de;q=0", "en"),
        ("de;q=2, ar", "ar"),
        ("zh-Hant-TW", "en"),
        ("", "en"),
        (";;;q=,", "en"),
    ],
)
def test_the_best_liked_that_there_is(accepted: str, expected: str) -> None:
    assert chosen_code(accepted, KNOWN, "en") == expected


@given(st.text(alphabet="adernpt-*;,q=.01 ", max_size=60) | st.text(max_size=60))
def test_whatever_a_browser_sends_finds_one(accepted: str) -> None:
    assert chosen_code(accepted, KNOWN, "en") in KNOWN


def test_a_long_field_costs_nothing() -> None:
    assert chosen_code("x," * 5_000 + "de", KNOWN, "en") == "en"
