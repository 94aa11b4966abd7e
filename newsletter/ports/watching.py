"""What those ask who watch over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date, datetime

    from newsletter.model import Alert, Readings


class WatchStore(Protocol):
    """What is asked by those who watch: figures, the schema, and which alerts have been told."""

    async def readings(self, since: datetime, now: datetime) -> Readings:
        """Return the figures of one moment, cheaply; deliveries are counted of those planned since then, and a
        delivery is ready when it might be sent at ``now``.
        """

    async def check_schema(self) -> None:
        """Return when the database answers and its schema is this program's; StoreError and kin otherwise."""

    async def alerts(self) -> list[Alert]:
        """Return every alert that is remembered, by condition and channel."""

    async def save_alerts(self, changed: Collection[Alert], over: Collection[Alert]) -> None:
        """Remember ``changed`` in place of what was known of the same condition and channel, and forget ``over``."""


class ReportStore(Protocol):
    """Of which days the operator has a report."""

    async def last_report(self) -> date | None:
        """Return the newest day of which the operator has a report, or None."""

    async def claim_report(self, day: date, now: datetime) -> bool:
        """Remember that a day's report is sent; return False when it had been remembered before."""

    async def drop_report(self, day: date) -> None:
        """Forget that a day's report was sent, so that it is sent again."""
