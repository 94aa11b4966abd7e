"""What is remembered of days gone by: who came and left, and how sources were."""

from __future__ import annotations

import enum
from collections.abc import Mapping  # noqa: TC003 (fields are read at run time)
from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003 (fields are read at run time)

from newsletter.model.sources import Health  # noqa: TC001 (fields are read at run time)


class MovementKind(enum.StrEnum):
    """What a subscriber did, or somebody for them. A reader is whose status is active or paused."""

    SUBSCRIBED = "subscribed"  # asked for it, or was added
    CONFIRMED = "confirmed"  # became a reader
    LEFT = "left"  # is none any more: unsubscribed, bounced, suppressed, removed


@dataclass(frozen=True, slots=True)
class DayOfGrowth:
    """How many subscribed, became readers and left on a day (UTC), and how many readers there were at its end."""

    day: date
    subscribed: int
    confirmed: int
    left: int
    readers: int


@dataclass(frozen=True, slots=True)
class SourceDay:
    """How a source was on a day (UTC): how many checks found it in which health, and how many new papers it brought."""

    source: str
    day: date
    checks: Mapping[Health, int]
    papers: int


@dataclass(frozen=True, slots=True)
class IssueRun:
    """When the mails of an issue date were planned, first and last."""

    issue_date: date
    first_planned_at: datetime
    last_planned_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileVoices:
    """What readers said of the papers that a profile's mails brought them: how many ``mails`` were answered by a vote
    or by saving a paper, and how many votes and saved papers that were. ``clicks`` tells how often its papers were
    followed from mails, where that is counted: nobody knows by whom, and a paper of two profiles counts for both.
    """

    profile: str
    mails: int
    good: int
    not_for_me: int
    saved: int
    clicks: int = 0
