"""What keeps mail from going: relays and domains that are left alone, and what an operator has stopped."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 (fields are read at run time)


class CircuitScope(enum.StrEnum):
    """What is left alone."""

    RELAY = "relay"
    DOMAIN = "domain"


class CircuitCause(enum.StrEnum):
    """Why."""

    UNREACHABLE = "unreachable"  # refused, lost, silent, or answered with an error before any recipient
    THROTTLED = "throttled"  # it asked us to slow down: 421, 4.7.x
    POLICY = "policy"  # it will not have our mail: content, reputation, authentication


class PauseScope(enum.StrEnum):
    """What an operator can stop."""

    ALL = "all"
    RELAY = "relay"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Circuit:
    """A relay or a domain that is left alone until ``retry_at``, when one mail tries whether it takes mail again.

    ``failures`` counts the tries in a row that it failed; ``probe_until`` says that somebody is trying, and until when.
    """

    scope: CircuitScope
    name: str
    cause: CircuitCause
    failures: int
    reason: str
    opened_at: datetime
    retry_at: datetime
    probe_until: datetime | None = None


class Window(enum.StrEnum):
    """Over how long a limit counts."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"  # any 24 hours, not a date


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` mails in any ``window``; ``bucket`` names the bucket that holds the tokens for them."""

    bucket: str
    window: Window
    most: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """Which tokens are out, as (slot, number) in order of time: a slot is a small part of a window, counted from 1970.

    ``seen_at`` is the latest time at which a token was taken; None when none ever was.
    """

    taken: tuple[tuple[int, int], ...] = ()
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shortage:
    """A bucket without a token, and when it has one again."""

    bucket: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """What an operator has stopped, since when, and why; ``name`` is empty for everything."""

    scope: PauseScope
    name: str
    reason: str
    since: datetime
