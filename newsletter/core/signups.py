"""What an address is sent when it is entered on a page, by what is known of it. The page always says the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.deliveries import may_get
from newsletter.model import IssueKind

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import SignupStanding

DAY: Final = timedelta(days=1)


def answer_to(standing: SignupStanding, most_confirmations: int, now: datetime) -> IssueKind | None:
    """Return which mail goes to an address that was entered; None for none.

    Who is subscribed is reminded of it, once a day at most; everybody else is asked to confirm, ``most_confirmations``
    times a day at most. Who is suppressed gets nothing.
    """
    subscriber = standing.subscriber
    if standing.is_suppressed:
        return None
    if subscriber is None or may_get(IssueKind.CONFIRMATION, subscriber.status):
        return IssueKind.CONFIRMATION if standing.confirmations < most_confirmations else None
    if not may_get(IssueKind.REMINDER, subscriber.status):
        return None
    is_recent = standing.reminded_at is not None and now - standing.reminded_at < DAY
    return None if is_recent else IssueKind.REMINDER
