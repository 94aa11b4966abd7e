"""Outgoing webhooks, purely: what is posted, how it is signed, and when it is tried again.

Requests are those of Standard Webhooks (https://www.standardwebhooks.com): ``webhook-id`` stays the same from try to
try, ``webhook-timestamp`` is of the try, and ``webhook-signature`` covers both and the body with HMAC-SHA256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.masking import masked
from newsletter.core.retry import fraction
from newsletter.model import EventKind, Posted, Posting

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGINNING: Final = "whsec_"
SHORTEST_KEY: Final = 24  # octets
LONGEST_KEY: Final = 64
OF_NOBODY: Final = frozenset({EventKind.ISSUE_SENT, EventKind.TEST})
MOST_DOUBLINGS: Final = 64


@dataclass(frozen=True, slots=True)
class PostingPolicy:
    """How patiently an event is told.

    The first retry comes after ``first``, each later one after twice as long, at most ``cap``, all of it made up to
    ``jitter`` longer, and none after ``deadline``. A webhook that fails is left alone as long, for all of its events.
    """

    first: timedelta = timedelta(seconds=15)
    cap: timedelta = timedelta(hours=2)
    jitter: float = 0.2
    deadline: timedelta = timedelta(hours=72)


def make_secret() -> str:
    """Return a new secret: 256 random bits."""
    return BEGINNING + base64.b64encode(secrets.token_bytes(32)).decode()


def read_secret(text: str) -> bytes:
    """Return the key that a secret ``whsec_…`` is; ValueError with the reason when it is none."""
    if not text.startswith(BEGINNING):
        raise ValueError(f"it does not begin with {BEGINNING}")
    try:
        key = base64.b64decode(text.removeprefix(BEGINNING), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not Base64") from None
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(f"it has {len(key)} octets, and should have {SHORTEST_KEY} to {LONGEST_KEY}")
    return key


def body_of(posting: Posting) -> bytes:
    """Return the JSON that is posted: the same at each try.

    Addresses are in it only where the webhook gets them: a text that happens to hold one is masked.
    """
    data = {key: masked(value) if isinstance(value, str) else value for key, value in posting.data.items()}
    if posting.kind not in OF_NOBODY:
        data = {"subscriber_id": posting.subscriber_id, "address": posting.address, **data}
    document = {"type": posting.kind.value, "timestamp": moment(posting.occurred_at), "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def headers_of(posting: Posting, body: bytes, keys: Sequence[bytes], now: datetime) -> dict[str, str]:
    """Return the headers of a try: an id, the time in seconds since 1970, and a signature with each key."""
    event_id, timestamp = f"msg_{posting.event_id}", str(int(now.timestamp()))
    signed = b".".join((event_id.encode(), timestamp.encode(), body))
    signatures = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def next_try(posting: Posting, posted: Posted, policy: PostingPolicy, now: datetime) -> datetime | None:
    """Return when an event that was not taken is told again; None when that would be after its deadline."""
    at = now + wait(posting.event_id, posting.attempts, posted, policy)
    return at if at <= posting.since + policy.deadline else None


def wait(seed: str, attempts: int, posted: Posted, policy: PostingPolicy) -> timedelta:
    """Return how long to wait after a try that ``attempts`` others came before; a receiver may ask for longer."""
    growth = 2.0 ** min(attempts, MOST_DOUBLINGS)
    plain_s = min(policy.first.total_seconds() * growth, policy.cap.total_seconds())
    spread_s = plain_s * (1 + policy.jitter * fraction(f"{seed}:{attempts}"))
    asked_s = min(posted.retry_after_s or 0.0, policy.cap.total_seconds())
    return timedelta(seconds=max(spread_s, asked_s))


def moment(when: datetime) -> str:
    """Return a time as RFC 3339 has it, in UTC."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
