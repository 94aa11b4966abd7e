"""Sending, whenever something wakes it: a tick, the line of this process, or another process's through the store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.daemon.running import Running
    from newsletter.service.deliver import DeliveryCounts

logger = structlog.get_logger(__name__)

SOONEST_S: Final = 1.0


@dataclass(slots=True)
class Worker:
    """Works off the deliveries that are due, run by run."""

    running: Running
    _alarm: asyncio.TimerHandle | None = field(default=None, init=False)

    async def run(self) -> None:
        """Run until the end; the mails in flight are finished, and what else was claimed is given back."""
        running = self.running
        while not running.stopping.is_set():
            await running.wake.wait()
            running.wake.clear()
            if running.pause.is_set():
                continue
            try:
                await self._deliver()
            except NewsletterError as error:
                running.vitals.delivery_failed(str(error))
                logger.error("daemon.stage_failed", stage="deliver", error=str(error))  # noqa: TRY400 (one line, not a traceback)

    async def _deliver(self) -> None:
        running = self.running
        async with running.delivering:
            running.vitals.delivery_begins()
            counts = await running.parts.deliverer.deliver_due(running.pause, self._on_progress)
        if counts.refusal and not running.vitals.refused:  # told once, not at every tick
            logger.warning("deliver.refused", reason=counts.refusal)
        running.vitals.delivered(counts)
        running.metrics.delivered(counts)
        await self._set_alarm(counts)

    async def _set_alarm(self, counts: DeliveryCounts) -> None:
        """Wake when a limit lets the next mail go: a tick may come much later than the token."""
        if self._alarm is not None:
            self._alarm.cancel()
        application = self.running.application
        at = counts.waits_until or (await application.store.next_due_at() if counts.postponed else None)
        if at is not None:
            delay_s = max((at - application.now()).total_seconds(), SOONEST_S)
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self.running.wake.set)

    def _on_progress(self, _: DeliveryCounts) -> None:
        self.running.vitals.delivery_goes_on()

    async def listen(self) -> None:
        """Wake at once when another process has planned something, until the end."""
        listening = asyncio.create_task(self._listen())
        try:
            await self.running.stopping.wait()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        async for _ in self.running.application.store.wakes():
            self.running.wake.set()
