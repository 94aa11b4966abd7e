"""What came back, and whom nobody writes to any more."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 (fields are read at run time)

from newsletter.model.subscribers import Subscriber, SubscriberStatus  # noqa: TC001 (fields are read at run time)


class BounceKind(enum.StrEnum):
    """What a report says of an address."""

    HARD = "hard"  # it does not exist, or takes no mail for good
    SOFT = "soft"  # not now: full, greylisted, too large, refused by policy
    COMPLAINT = "complaint"  # its owner called the mail spam (RFC 5965)


class SuppressionKind(enum.StrEnum):
    """What is suppressed."""

    ADDRESS = "address"
    DOMAIN = "domain"
    HASH = "hash"  # an address that may not be kept: somebody erased themselves


class SuppressionReason(enum.StrEnum):
    """Why somebody is not written to."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCES = "soft_bounces"  # too many, and the probe came back too
    COMPLAINT = "complaint"
    MANUAL = "manual"
    IMPORT = "import"
    ERASED = "erased"  # its owner had everything about them erased


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address or a domain that nobody writes to, until ``expires_at`` (for good when None).

    ``value`` is an address's key, a domain as it is on the wire, or an address's fingerprint
    (:mod:`newsletter.core.fingerprint`), ``detail`` a line for a person, and ``source`` who
    said so: ``smtp``, ``dsn``, ``command-line``, the name of a provider, …
    """

    kind: SuppressionKind
    value: str
    reason: SuppressionReason
    detail: str
    source: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bounce:
    """One report, stored once: ``event_key`` is equal for equal reports, however often they are read."""

    kind: BounceKind
    source: str
    recorded_at: datetime
    event_key: str
    subscriber_id: int | None = None
    delivery_id: int | None = None
    enhanced_code: str | None = None
    text: str = ""
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a returned mail or a provider's event says, before anybody has looked whom it is about.

    ``kind`` is None when there is nothing to count (an auto-reply, a delay, no report at all), and ``text`` says so.
    Four fields may tell whom it is about: ``return_paths`` are addresses among which a signed one of ours may be,
    ``unsubscribe_tokens`` those of the links in the returned mail, ``message_ids`` its Message-ID and envelope id
    without brackets, ``recipients`` the addresses that failed, in lower case. Nobody vouches for any of it, unless
    ``is_vouched``: then a provider signed it. ``fingerprint`` is equal for equal reports.
    """

    kind: BounceKind | None
    fingerprint: str
    recipients: tuple[str, ...] = ()
    return_paths: tuple[str, ...] = ()
    unsubscribe_tokens: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    enhanced_code: str | None = None
    text: str = ""
    is_vouched: bool = False


@dataclass(frozen=True, slots=True)
class BounceScore:
    """How much had come back from somebody at ``scored_at``; ``probation_since``: a probe is to settle it."""

    value: float
    scored_at: datetime
    probation_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands when a bounce of theirs is recorded; ``is_probe`` tells that it was the probe's."""

    subscriber: Subscriber
    score: BounceScore | None
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a bounce changes: a new status with its reason, a suppression, and the score from now on (None: none)."""

    score: BounceScore | None = None
    status: SubscriberStatus | None = None
    reason: str = ""
    suppression: Suppression | None = None
