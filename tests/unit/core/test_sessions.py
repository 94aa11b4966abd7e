from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from newsletter.core.sessions import Session, Sessions, lock_of
from newsletter.core.tries import Tries

NOW = datetime(2026, 1, 5, 6, tzinfo=UTC)
SESSIONS = Sessions("a secret of some length", timedelta(minutes=60), timedelta(hours=12))
SESSION = Session("id", "ada", "lock", NOW, NOW)


def test_a_session_is_read_back_until_it_was_not_seen_for_too_long() -> None:
    cookie = SESSIONS.write(SESSION)
    assert SESSIONS.read(cookie, NOW + timedelta(minutes=59)) == SESSION
    assert SESSIONS.read(cookie, NOW + timedelta(minutes=60)) is None
    assert SESSIONS.read(cookie, NOW - timedelta(minutes=61)) is None  # the clock was put back


def test_no_session_outlasts_its_length_however_often_it_is_seen() -> None:
    later = NOW + timedelta(hours=12)
    seen = replace(SESSION, seen_at=later - timedelta(seconds=1))
    assert SESSIONS.read(SESSIONS.write(seen), later - timedelta(seconds=1)) == seen
    assert SESSIONS.read(SESSIONS.write(seen), later) is None
    assert SESSIONS.ends_at(seen) == later


def test_a_cookie_of_another_secret_or_purpose_is_none() -> None:
    other = Sessions("another secret of some length", SESSIONS.idle, SESSIONS.longest)
    assert SESSIONS.read(other.write(SESSION), NOW) is None
    assert SESSIONS.read(SESSIONS.form_token(SESSION), NOW) is None
    assert not SESSIONS.owns(SESSION, SESSIONS.write(SESSION))


def test_a_form_belongs_to_its_session_alone() -> None:
    assert SESSIONS.owns(SESSION, SESSIONS.form_token(SESSION))
    assert not SESSIONS.owns(replace(SESSION, id="other"), SESSIONS.form_token(SESSION))
    assert not SESSIONS.owns(SESSION, "")
    assert not SESSIONS.owns(SESSION, "\ud800é")


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_changed_cookie_is_none(place: int, letter: str) -> None:
    cookie = SESSIONS.write(SESSION)
    changed = cookie[: place % len(cookie)] + letter + cookie[place % len(cookie) + 1 :]
    found = SESSIONS.read(changed, NOW)
    assert found is None or found == SESSION  # the last letter holds bits that count for nothing


@pytest.mark.parametrize("said", [1, [], ["id"], ["id", "ada", "lock", "x", 1], ["id", "ada", "lock", 1e300, 1], {}])
def test_a_signed_cookie_of_another_form_is_none(said: object) -> None:
    serializer = URLSafeSerializer(
        SESSIONS.secret, salt="newsletter.admin-session", signer_kwargs={"digest_method": hashlib.sha256}
    )
    assert SESSIONS.read(str(serializer.dumps(said)), NOW) is None


def test_a_lock_changes_with_the_password_and_does_not_tell_it() -> None:
    assert lock_of("one") != lock_of("two")
    assert "one" not in lock_of("one")


def test_tries_are_counted_within_a_window_and_for_so_many_keys() -> None:
    tries = Tries(3, timedelta(minutes=15), 100)
    for _ in range(3):
        assert tries.wait("a", NOW) is None
        tries.add("a", NOW)
    assert tries.wait("a", NOW + timedelta(minutes=5)) == timedelta(minutes=10)
    assert tries.wait("b", NOW) is None
    assert tries.wait("a", NOW + timedelta(minutes=15)) is None
    tries.add("a", NOW + timedelta(minutes=15))
    assert tries.wait("a", NOW + timedelta(minutes=15)) is None
    for number in range(10_000):
        tries.add(str(number), NOW)
    assert len(tries) == 100


def test_a_try_that_was_taken_back_does_not_count() -> None:
    tries = Tries(1, timedelta(minutes=15), 100)
    tries.add("a", NOW)
    tries.take_back("a")
    tries.take_back("nobody")
    assert tries.wait("a", NOW) is None
