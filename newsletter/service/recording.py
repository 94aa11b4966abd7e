"""One writer for the outcomes of many senders: what comes in while a commit is under way shares the next one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.errors import ConflictError, NotFoundError, StoreError
from newsletter.service.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from newsletter.model import Attempt, DeliveryState
    from newsletter.ports import DeliveryStore

    Entry = tuple[Attempt, DeliveryState, datetime | None]

logger = structlog.get_logger(__name__)

# A commit costs milliseconds, whatever it holds (it must reach the disk), and processor time besides. As long as no
# sender waits for one, because the server is being asked for the next mails, more may come and share it; but not for so
# long that a sender would come to wait (newsletter.service.endings). Once one waits, only those about to finish count.
LINGER_S: Final = 0.01
HURRY_S: Final = 0.002


class Recorder:
    """Commits outcomes, several at a time; a sender waits for its own before it begins its next message.

    What the store could not take is kept and written first the next time (:meth:`catch_up`), so that a full disk
    makes no doubles once it has room again.
    """

    def __init__(self, store: DeliveryStore, now: Callable[[], datetime], senders: int, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._now = now
        self._senders = senders
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._unwritten: list[Entry] = []
        self._writer: asyncio.Task[None] | None = None
        self._is_full = asyncio.Event()
        self._is_awaited = asyncio.Event()
        self._beginnings: Together[int, bool] = Together(self._begin)

    def take_over(self, former: Recorder) -> None:
        """Write, the next time, what the recorder before this one could not."""
        self._unwritten += former._unwritten

    async def begin(self, delivery_id: int) -> bool:
        """Return, once it is committed that this message is begun, whether it is still ours to send; StoreError when
        that could not be.
        """
        return await self._beginnings.ask(delivery_id)

    async def _begin(self, delivery_ids: list[int]) -> list[bool]:
        ours = await self._store.begin(delivery_ids, self._owner, self._now())
        return [each in ours for each in delivery_ids]

    async def record(self, attempt: Attempt, state: DeliveryState, next_attempt_at: datetime | None) -> None:
        """Return once the outcome is committed; StoreError when it could not be, and is kept for later."""
        committed = asyncio.get_running_loop().create_future()
        self._waiting.append(((attempt, state, next_attempt_at), committed))
        if len(self._waiting) >= self._senders:
            self._is_full.set()
            self._is_awaited.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await committed

    def hurry(self) -> None:
        """Say that a sender waits for its commit and does nothing else."""
        self._is_awaited.set()

    async def catch_up(self) -> int:
        """Write what an earlier failure left unwritten and return how many that were; StoreError if it fails again."""
        entries = list(self._unwritten)
        if entries:
            await self._commit(entries)
            del self._unwritten[: len(entries)]
            logger.info("deliver.caught_up", outcomes=len(entries))
        return len(entries)

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._linger()
                batch, self._waiting = self._waiting, []
                self._is_full.clear()
                self._is_awaited.clear()
                fault = await self._try([entry for entry, _ in batch])
                for _, committed in batch:
                    if committed.done():  # whoever waited was cancelled
                        continue
                    if fault is None:
                        committed.set_result(None)
                    else:
                        committed.set_exception(fault)
        finally:
            self._writer = None

    async def _linger(self) -> None:
        for event, most_s in ((self._is_awaited, LINGER_S), (self._is_full, HURRY_S)):
            with suppress(TimeoutError):
                async with asyncio.timeout(most_s):
                    await event.wait()

    async def _try(self, entries: Sequence[Entry]) -> Exception | None:
        try:
            await self._commit(entries)
        except Exception as error:  # noqa: BLE001 (handed to the senders that wait, who raise it)
            if isinstance(error, StoreError):
                self._unwritten += entries
            return error
        return None

    async def _commit(self, entries: Sequence[Entry]) -> None:
        try:
            await self._record(entries)
        except (ConflictError, NotFoundError):
            await self._commit_singly(entries)

    async def _commit_singly(self, entries: Sequence[Entry]) -> None:
        """Let one delivery that is gone, because its subscriber was removed meanwhile, not spoil the others' commit."""
        for entry in entries:
            try:
                await self._record([entry])
            except (ConflictError, NotFoundError) as error:
                logger.warning("deliver.not_recorded", delivery=entry[0].delivery_id, state=entry[1], reason=str(error))

    async def _record(self, entries: Sequence[Entry]) -> None:
        for delivery_id in await self._store.record(entries, self._now(), self._owner):
            # Sent after its lease had ended: somebody else may have sent it too, with the same Message-ID.
            logger.warning("deliver.late", delivery=delivery_id)
