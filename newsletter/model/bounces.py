"""What came back, and whom nobody writes to any more."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 (fields are read at run time)


class BounceKind(enum.StrEnum):
    """What a report says of an address."""

    HARD = "hard"  # it does not exist, or takes no mail for good
    SOFT = "soft"  # not now: full, greylisted, too large, refused by policy
    COMPLAINT = "complaint"  # its owner called the mail spam (RFC 5965)


class SuppressionKind(enum.StrEnum):
    """What is suppressed."""

    ADDRESS = "address"
    DOMAIN = "domain"


class SuppressionReason(enum.StrEnum):
    """Why somebody is not written to."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCES = "soft_bounces"  # too many, and the probe came back too
    COMPLAINT = "complaint"
    MANUAL = "manual"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address or a domain that nobody writes to, until ``expires_at`` (for good when None).

    ``value`` is an address's key or a domain as it is on the wire, ``detail`` a line for a person, and ``source`` who
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
