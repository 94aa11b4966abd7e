"""What the ledger answers when it is asked what became of issues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import date

    from newsletter.model import (
        Aspect,
        DeliveryFilter,
        Inconsistency,
        IssueSums,
        ListedDelivery,
        ReplyCount,
        Share,
    )


class LedgerStore(Protocol):
    """Sums over deliveries, and whether they add up. Dates are issue dates, and both ends of a range are included."""

    async def issue_sums(self, since: date, until: date | None = None) -> list[IssueSums]:
        """Return the sums of every issue of these dates, oldest first, cheaply enough to be asked every few minutes."""

    async def shares(self, aspect: Aspect, since: date, until: date | None = None) -> list[Share]:
        """Return the deliveries of these issues by an aspect and state. By profile, a mail counts for each in it."""

    async def inconsistencies(self, since: date, until: date | None = None) -> list[Inconsistency]:
        """Return in which ways the deliveries of these issues contradict what is kept beside them."""


class ListingStore(Protocol):
    """Deliveries as somebody asks for them, however many there are."""

    async def find_deliveries(
        self, wanted: DeliveryFilter, *, before_id: int | None = None, limit: int = 50
    ) -> list[ListedDelivery]:
        """Return the newest deliveries that fit, at most ``limit``, with ids below ``before_id``."""

    def every_delivery(self, wanted: DeliveryFilter) -> AsyncIterator[list[ListedDelivery]]:
        """Yield all deliveries that fit at one moment, newest first, a batch at a time."""

    async def count_found(self, wanted: DeliveryFilter) -> int:
        """Return how many deliveries fit."""

    async def reply_counts(self, wanted: DeliveryFilter) -> list[ReplyCount]:
        """Return what was answered last to deliveries that fit, alike replies together, most frequent first."""
