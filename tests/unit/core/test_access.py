"""Tokens of the API."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.access import HASH, Scope, Token, find_token, hash_of, make_token

TODAY = date(2026, 11, 24)
SCOPES = frozenset({Scope.PAPERS_READ})


def kept(token: str, **said: date) -> Token:
    return Token("crm", hash_of(token), SCOPES, **said)


def test_a_token_is_found_by_itself_alone() -> None:
    token, other = make_token(), make_token()
    assert token != other
    assert len(token) > 40
    assert HASH.fullmatch(hash_of(token))
    assert find_token([kept(other), kept(token)], token, TODAY) == kept(token)
    assert find_token([kept(other)], token, TODAY) is None
    assert find_token([], token, TODAY) is None


def test_a_hash_is_no_token() -> None:
    token = make_token()
    assert find_token([kept(token)], hash_of(token), TODAY) is None
    assert token not in repr(kept(token))


def test_it_ends_with_its_last_day() -> None:
    token = make_token()
    assert find_token([kept(token, expires=TODAY)], token, TODAY) is not None
    assert find_token([kept(token, expires=date(2026, 11, 23))], token, TODAY) is None


@given(st.text(max_size=300))
def test_whatever_is_presented_opens_nothing(presented: str) -> None:
    assert find_token([kept(make_token())], presented, TODAY) is None
