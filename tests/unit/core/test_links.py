"""Signed links: short, lasting, each good for one thing; those in older mails, made by the library, still work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from newsletter.core.links import Links

BASE = "https://news.example.org"
LINKS = Links("a secret of some length", BASE)
READERS = {"unsubscribe": Links.read_unsubscribe, "manage": Links.read_manage, "vote": Links.read_vote}
secrets = st.text(min_size=1, max_size=100, alphabet=st.characters(codec="utf-8"))
numbers = st.integers(0, 2**63 - 1)


def tokens(links: Links, number: int) -> dict[str, str]:
    """Return the tokens of somebody's links, by what they are for."""
    return {name: url.rpartition("/")[2] for name, url in zip(READERS, links.of_mail(number), strict=True)}


@given(secrets, numbers)
def test_each_token_opens_one_thing_of_one_person(secret: str, number: int) -> None:
    links = Links(secret, BASE)
    for purpose, token in tokens(links, number).items():
        assert {name for name, read in READERS.items() if read(links, token) is not None} == {purpose}
        assert READERS[purpose](links, token) == number
        assert links.read_saved_feed(token) is None
        assert READERS[purpose](Links(secret + "x", BASE), token) is None
        assert len(token) < 50
    if number < 2**31:
        assert len(links.vote_url(number)) <= len(BASE) + 43, "what a mail's size reckons with"


@given(secrets, st.integers(0, 2**31 - 1))
def test_tokens_in_older_mails_work(secret: str, number: int) -> None:
    links = Links(secret, BASE)
    for purpose, read in READERS.items():
        older = URLSafeSerializer(secret, salt=f"newsletter.{purpose}").dumps(number)
        assert {name: other(links, older) for name, other in READERS.items()} == dict.fromkeys(READERS) | {
            purpose: number
        }
        assert read(links, older[:-2]) is None


@given(numbers, st.integers(0, 49), st.characters(codec="ascii"))
def test_no_other_character_is_taken(number: int, place: int, character: str) -> None:
    for purpose, token in tokens(LINKS, number).items():
        place %= len(token)
        changed = token[:place] + character + token[place + 1 :]
        assert (READERS[purpose](LINKS, changed) is None) == (changed != token)


@pytest.mark.parametrize("number", ["", "01", "-1", "+1", "1_0", "١", " 1", "1" * 20])
def test_a_number_has_one_form(number: str) -> None:
    signature = tokens(LINKS, 1)["vote"].partition(".")[2]
    assert LINKS.read_vote(f"{number}.{signature}") is None


def test_the_methods_give_the_same_links() -> None:
    assert LINKS.of_mail(7) == (LINKS.unsubscribe_url(7), LINKS.manage_url(7), LINKS.vote_url(7))
    assert LINKS.unsubscribe_url(7).startswith(f"{BASE}/unsubscribe/7.")


def test_tokens_are_the_same_for_years() -> None:
    assert tokens(LINKS, 42) == {
        "unsubscribe": "42.Aynidg2Vm8RU6LV2K_JJ0mHdqvrV",
        "manage": "42.zHzqvDweVEQLJihkB7sl3Ko8nPZw",
        "vote": "42.nC2oLI6vEEhh1980LCeX4cDaK14O",
    }
