"""A process's hold on what it has claimed: kept while it lives, noticed when lost, and ended for others who have died.

Two clocks that nobody sets. The holder's counts the time that the machine sleeps, so that a lease never looks longer to
its holder than it is; the watcher's does not, so that it never looks shorter to those who would take over.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import timedelta

    from newsletter.ports import DeliveryStore

logger = structlog.get_logger(__name__)

BEATS: Final = 4  # signs of life within the length of a lease


def time_with_sleep() -> float:
    """Return the seconds since the machine was started, those included that it slept, where the system tells."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class LeaseKeeper:
    """Keeps one owner's lease, and watches the others'."""

    def __init__(
        self,
        store: DeliveryStore,
        owner: str,
        length: timedelta,
        holding: Callable[[], float] = time_with_sleep,
        watching: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._owner = owner
        self._length_s = length.total_seconds()
        self._holding = holding
        self._watching = watching
        self._renewing = asyncio.Lock()
        self._held_until = holding()
        self._seen: dict[str, tuple[int, float]] = {}  # owner -> signs of life, and when that number was first seen

    def take_over(self, former: LeaseKeeper) -> None:
        """Go on watching where the keeper before this one left off."""
        self._seen |= former._seen

    async def is_ours(self) -> bool:
        """Return whether what was claimed is still ours to send: half of the lease is left, or it could be renewed.

        Where half is left nobody is asked. StoreError when somebody must be, and cannot.
        """
        return self._held_until - self._holding() >= self._length_s / 2 or await self.renew()

    def claim_began(self) -> Callable[[], None]:
        """Return what to call once a claim has succeeded that begins now: the lease runs from its beginning."""
        until = self._holding() + self._length_s

        def succeeded() -> None:
            self._held_until = max(self._held_until, until)

        return succeeded

    async def renew(self) -> bool:
        """Give a sign of life; False when the lease was ended, and whatever was held is no longer ours."""
        async with self._renewing:
            succeeded = self.claim_began()
            is_ours = await self._store.renew(self._owner)
            if is_ours:
                succeeded()
            return is_ours

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Give signs of life, and look for others', for as long as the context lasts."""
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._length_s / BEATS)
            try:
                await self.renew()
                await self.watch()
            except StoreError as error:  # what is not renewed is not begun; the senders notice the same store
                logger.warning("lease.not_renewed", error=str(error))

    async def watch(self) -> int:
        """End the leases whose holders have been silent for all their length; return how many deliveries came back."""
        returned, now = 0, self._watching()
        found = [lease for lease in await self._store.leases() if lease.owner != self._owner]
        seen = {lease.owner: (lease.beats, now) for lease in found}
        for lease in found:
            beats, since = self._seen.get(lease.owner, (lease.beats, now))
            if beats != lease.beats:
                continue
            seen[lease.owner] = (beats, since)
            if now - since >= lease.length.total_seconds():
                count = await self._store.end_lease(lease)
                if count is not None:
                    logger.warning("lease.ended", owner=lease.owner, deliveries=count)
                    returned += count
        self._seen = seen
        return returned
