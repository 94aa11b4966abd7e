"""What the ledger answers when it is asked what became of issues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date

    from newsletter.model import Aspect, Inconsistency, IssueSums, Share


class LedgerStore(Protocol):
    """Sums over deliveries, and whether they add up. Dates are issue dates, and both ends of a range are included."""

    async def issue_sums(self, since: date, until: date | None = None) -> list[IssueSums]:
        """Return the sums of every issue of these dates, oldest first, cheaply enough to be asked every few minutes."""

    async def shares(self, aspect: Aspect, since: date, until: date | None = None) -> list[Share]:
        """Return the deliveries of these issues by an aspect and state. By profile, a mail counts for each in it."""

    async def inconsistencies(self, since: date, until: date | None = None) -> list[Inconsistency]:
        """Return in which ways the deliveries of these issues contradict what is kept beside them."""
