"""The gate before every mail: asked for each, and looking at the store every few seconds."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.clearance import Clearance

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from newsletter.ports import OperationStore

LOOKS_EVERY: Final = timedelta(seconds=5)


async def read_clearance(store: OperationStore) -> Clearance:
    """Return what may be sent from here now; nothing is changed."""
    return Clearance(await store.here(), await store.seal(), tuple(await store.pauses()))


class Gate:
    """What senders ask before each mail. Where the store has no home yet, this place becomes it."""

    def __init__(self, store: OperationStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._known: Clearance | None = None
        self._looked_at: datetime | None = None
        self._looking = asyncio.Lock()

    async def clearance(self) -> Clearance:
        """Return what may be sent, as it was known a few seconds ago at most; StoreError when it cannot be read."""
        async with self._looking:  # of many senders that ask at the same moment, one looks
            now = self._now()
            # A clock that was put back must not make an old answer last.
            if self._known is None or self._looked_at is None or not timedelta() <= now - self._looked_at < LOOKS_EVERY:
                known = await read_clearance(self._store)
                if known.seal is None:
                    known = Clearance(known.here, await self._store.settle_here(now, moving=False), known.pauses)
                self._known, self._looked_at = known, now
            return self._known
