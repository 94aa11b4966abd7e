"""Return paths: what we signed is read back in any case, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.verp import LARGEST, MailKind, Returned, ReturnPaths, room_for

PATHS = ReturnPaths("a secret of sixteen", "bounces", "news.example")
NUMBERS = st.integers(min_value=1, max_value=LARGEST)
KINDS = st.sampled_from(MailKind)


@given(KINDS, NUMBERS)
def test_it_is_read_back_however_its_case_was_changed(kind: MailKind, number: int) -> None:
    address = PATHS.make(kind, number)
    assert len(address.rpartition("@")[0].encode()) <= 64
    for form in (address, address.upper(), address.swapcase(), f"<{address}>", f" {address} "):
        assert PATHS.read(form) == Returned(kind, number)
    assert PATHS.is_ours(address)


@given(KINDS, NUMBERS, st.data())
def test_a_token_with_one_character_changed_is_refused(kind: MailKind, number: int, data: st.DataObject) -> None:
    token = PATHS.make(kind, number).partition("+")[2].partition("@")[0]
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from([c for c in "abcdefghijklmnopqrstuvwxyz0123456789" if c != token[place]]))
    assert PATHS.read_token(token[:place] + other + token[place + 1 :]) is None


@given(KINDS, NUMBERS, st.integers(min_value=1, max_value=40))
def test_a_token_cut_short_or_made_longer_is_refused(kind: MailKind, number: int, length: int) -> None:
    token = PATHS.make(kind, number).partition("+")[2].partition("@")[0]
    assert PATHS.read_token(token[:-length]) is None
    assert PATHS.read_token(token[length:]) is None
    assert PATHS.read_token(token + "a" * length) is None


@given(NUMBERS, NUMBERS)
def test_the_signature_of_one_mail_does_not_serve_for_another(one: int, other: int) -> None:
    first, second = (PATHS.make(MailKind.ISSUE, number).partition("@")[0] for number in (one, other))
    swapped = second[:-24] + first[-24:]
    assert (PATHS.read(f"{swapped}@news.example") == Returned(MailKind.ISSUE, other)) is (one == other)
    as_probe = first.replace("+d", "+p")
    assert PATHS.read(f"{as_probe}@news.example") is None


@given(st.text(max_size=80))
def test_no_text_is_taken_for_a_token_or_raises(text: str) -> None:
    assert PATHS.read_token(text) is None
    assert PATHS.read(f"bounces+{text}@news.example") is None
    assert PATHS.read(text) is None


def test_another_secret_another_domain_and_another_purpose_are_refused() -> None:
    address = PATHS.make(MailKind.ISSUE, 7)
    assert ReturnPaths("another secret here", "bounces", "news.example").read(address) is None
    assert PATHS.read(address.replace("news.example", "evil.example")) is None
    assert PATHS.read(address.replace("bounces", "bounce")) is None
    assert PATHS.read(address.replace("+", "-")) is None


def test_the_plain_address_is_ours_and_strangers_are_not() -> None:
    assert PATHS.is_ours("Bounces@News.Example")
    assert not PATHS.is_ours("postmaster@news.example")
    assert not PATHS.is_ours("bounces+dnonsense@news.example")


@pytest.mark.parametrize("delimiter", ["+", "-", "=", "--"])
def test_a_local_part_that_has_room_stays_within_64_octets(delimiter: str) -> None:
    paths = ReturnPaths("a secret of sixteen", "b" * room_for(delimiter), "news.example", delimiter)
    address = paths.make(MailKind.PROBE, LARGEST)
    assert len(address.partition("@")[0]) == 64
    assert paths.read(address) == Returned(MailKind.PROBE, LARGEST)


def test_the_secret_is_not_shown() -> None:
    assert "secret of" not in repr(PATHS)
