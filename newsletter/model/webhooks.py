"""Outgoing webhooks: what is told, to whom, and how telling it goes."""

from __future__ import annotations

import enum
from collections.abc import Mapping  # noqa: TC003 (fields are read at run time)
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 (fields are read at run time)
from typing import Any


class EventKind(enum.StrEnum):
    """What a webhook may be told of."""

    SUBSCRIBED = "subscriber.subscribed"  # somebody is on the list who was not: pending, active or paused
    CONFIRMED = "subscriber.confirmed"  # who was pending gets mail
    UNSUBSCRIBED = "subscriber.unsubscribed"  # or was removed
    BOUNCED = "subscriber.bounced"
    COMPLAINED = "subscriber.complained"
    ISSUE_SENT = "issue.sent"  # nothing of an issue date is on its way any more
    TEST = "webhook.test"


class PostingState(enum.StrEnum):
    """Where a posting stands."""

    WAITING = "waiting"
    ACCEPTED = "accepted"  # by an answer 2xx
    FAILED = "failed"  # its deadline has passed


@dataclass(frozen=True, slots=True)
class WantedWebhook:
    """A webhook as the configuration wants it: its name, what it is told, and whether with addresses."""

    name: str
    events: frozenset[EventKind]
    with_address: bool = False


@dataclass(frozen=True, slots=True)
class Posting:
    """An event on its way to a webhook. ``event_id`` stays the same from try to try.

    ``since`` is from when its deadline counts, ``ready_at`` when it may be tried, None once it has ended.
    ``status_code`` and ``fault`` are of the last try; ``address`` is there only where the webhook gets it, and until it
    has got it.
    """

    id: int
    event_id: str
    webhook: str
    kind: EventKind
    occurred_at: datetime
    subscriber_id: int | None
    address: str | None
    data: Mapping[str, Any]
    state: PostingState
    attempts: int
    since: datetime
    ready_at: datetime | None = None
    finished_at: datetime | None = None
    status_code: int | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """What a try came to: an empty ``fault`` is success; ``retry_after_s`` is what the receiver asked for."""

    status_code: int | None = None
    fault: str = ""
    retry_after_s: float | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has it."""
        return not self.fault


@dataclass(frozen=True, slots=True)
class WebhookStanding:
    """How a webhook stands: failures in a row since when, until when it is left alone, and how many postings are where.

    ``oldest_at`` is since when the oldest that waits has been waiting.
    """

    name: str
    failures: int = 0
    failing_since: datetime | None = None
    retry_at: datetime | None = None
    fault: str = ""
    accepted_at: datetime | None = None
    waiting: int = 0
    failed: int = 0
    oldest_at: datetime | None = None
