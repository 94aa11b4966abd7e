"""Adding up: whether what was planned lately is all accounted for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import IssueSums
    from newsletter.ports import LedgerStore

# Whose mails may still be on their way: a day of trying, and local dates that end a day apart.
LATELY: Final = timedelta(days=3)
EVERY: Final = timedelta(minutes=5)


async def recent_sums(store: LedgerStore, now: datetime) -> list[IssueSums]:
    """Return the sums of the issues of the last days, oldest first."""
    return await store.issue_sums((now - LATELY).date())


class Accountant:
    """Adds the last days up every few minutes, however often it is asked."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._next_at: datetime | None = None
        self._sums: list[IssueSums] = []

    async def sums(self, now: datetime) -> list[IssueSums]:
        """Return the sums as they were last added up; StoreError when that cannot be done now, though it is time."""
        if self._next_at is None or now >= self._next_at or self._next_at - now > EVERY:  # the clock may be put back
            self._sums = await recent_sums(self._store, now)
            self._next_at = now + EVERY
        return self._sums
