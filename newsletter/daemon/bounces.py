"""Reading what comes back: one task for each reader, which goes on when its reader fails, ever less often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.bounces.reader import Reader
    from newsletter.daemon.running import Running
    from newsletter.wiring.bounces import BounceParts

logger = structlog.get_logger(__name__)

LONGEST_WAIT_S: Final = 300.0


@dataclass(slots=True)
class BounceReading:
    """Runs the readers of the configuration in force."""

    running: Running

    async def run(self) -> None:
        """Read until the end; other readers take over when the configuration changes."""
        running = self.running
        while not running.stopping.is_set():
            running.changed.clear()
            bounces = running.parts.bounces
            running.vitals.readers_are(reader.name for reader in bounces.readers)
            tasks = [asyncio.create_task(self._keep(reader, bounces)) for reader in bounces.readers]
            try:
                await running.changed.wait()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await bounces.aclose()

    async def _keep(self, reader: Reader, bounces: BounceParts) -> None:
        failures = 0
        while True:
            try:
                found = await self._look(reader, bounces)
            except NewsletterError as error:
                failures += 1
                self._failed(reader.name, str(error))
            except Exception as error:  # a bug must not end what the operator relies on, nor pass unseen
                failures += 1
                logger.exception("bounce.reader_broken", reader=reader.name)
                self._failed(reader.name, f"{type(error).__name__}: {error}")
            else:
                failures = 0
                if found is not None:
                    self.running.vitals.reader_read(reader.name)
                if found:
                    logger.info("bounce.read", reader=reader.name, mails=found)
            await asyncio.sleep(wait_s(reader.interval_s, failures))

    async def _look(self, reader: Reader, bounces: BounceParts) -> int | None:
        """Return how many mails were read; None when another process is reading there."""
        if not reader.is_shared:
            return await reader.read(bounces.intake)
        async with self.running.application.store.reading(reader.name) as is_ours:
            return await reader.read(bounces.intake) if is_ours else None

    def _failed(self, name: str, reason: str) -> None:
        self.running.vitals.reader_failed(name, reason)
        logger.error("bounce.reader_failed", reader=name, error=reason)


def wait_s(interval_s: float, failures: int) -> float:
    """Return how long to wait before the next look: twice as long after each failure, at most five minutes more."""
    return interval_s if not failures else min(interval_s * 2.0 ** min(failures, 30), interval_s + LONGEST_WAIT_S)
