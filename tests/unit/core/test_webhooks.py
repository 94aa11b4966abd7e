"""Outgoing webhooks, purely."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.webhooks import (
    PostingPolicy,
    body_of,
    headers_of,
    make_secret,
    next_try,
    read_secret,
    wait,
)
from newsletter.model import EventKind, Posted, Posting, PostingState

NOW = datetime(2026, 11, 24, 7, 0, 0, 250_000, tzinfo=UTC)
POLICY = PostingPolicy()
REFUSED = Posted(500, "refused")


def posting(kind: EventKind = EventKind.BOUNCED, address: str | None = None, attempts: int = 0, **data: str) -> Posting:
    return Posting(1, "0a" * 16, "crm", kind, NOW, 7, address, data, PostingState.WAITING, attempts, NOW)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification's reference libraries.
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    told = Posting(
        1, "p5jXN8AQM9LWM0D4loKWxJek", "x", EventKind.TEST, NOW, None, None, {}, PostingState.WAITING, 0, NOW
    )
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = headers_of(told, b'{"test": 2432232314}', [key], at)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_is_changed_both_sign() -> None:
    keys = [read_secret(make_secret()) for _ in range(2)]
    assert len(headers_of(posting(), b"{}", keys, NOW)["webhook-signature"].split(" ")) == 2


def test_the_body_is_the_same_at_each_try_and_holds_no_address_unless_it_may() -> None:
    told = posting(reason="550 5.1.1 <ada@example.org>: no such user", enhanced_code="5.1.1")
    assert body_of(told) == body_of(told)
    document = json.loads(body_of(told))
    assert document["type"] == "subscriber.bounced"
    assert document["timestamp"] == "2026-11-24T07:00:00.250000Z"
    assert document["data"]["subscriber_id"] == 7
    assert document["data"]["address"] is None
    assert b"ada@" not in body_of(told)
    assert json.loads(body_of(posting(address="ada@example.org")))["data"]["address"] == "ada@example.org"
    assert "subscriber_id" not in json.loads(body_of(posting(EventKind.ISSUE_SENT, issue_date="2026-11-24")))["data"]


@pytest.mark.parametrize("text", ["", "whsec_", "abc", "whsec_é", "whsec_" + "A" * 4, "whsec_" + "A" * 400])
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        read_secret(text)


def test_a_made_secret_is_one() -> None:
    assert len(read_secret(make_secret())) == 32
    assert base64.b64decode(make_secret().removeprefix("whsec_")) != read_secret(make_secret())


@given(st.integers(0, 10_000), st.floats(0, 1e9))
def test_waits_grow_to_their_cap_and_spread(attempts: int, asked_s: float) -> None:
    length = wait("seed", attempts, Posted(503, "no", asked_s), POLICY)
    assert POLICY.first <= length <= POLICY.cap * 1.2
    assert length >= min(timedelta(seconds=asked_s), POLICY.cap)
    assert wait("seed", attempts, REFUSED, POLICY) == wait("seed", attempts, REFUSED, POLICY)


def test_trying_ends_with_the_deadline() -> None:
    now, attempts, tries = NOW, 0, 0
    while (at := next_try(posting(attempts=attempts), REFUSED, POLICY, now)) is not None:
        assert at > now
        now, attempts, tries = at, attempts + 1, tries + 1
    assert now <= NOW + POLICY.deadline
    assert 35 < tries < 60
