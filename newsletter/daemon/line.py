"""The line that every tick runs: reload, collect, issue; without that role, reload, and see whether mail may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from newsletter.errors import NewsletterError
from newsletter.model import Role
from newsletter.service.collect import collect
from newsletter.service.gate import read_clearance

if TYPE_CHECKING:
    from newsletter.daemon.reloading import Reloading
    from newsletter.daemon.running import Running

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Line:
    """Runs at every tick, the first at once; waits for the store to come back when it fails."""

    running: Running
    reloading: Reloading

    async def run(self) -> None:
        """Run until the end."""
        running = self.running
        while not running.stopping.is_set():
            running.tick.clear()
            try:
                await self.reloading.step()
                await self._step()
                running.vitals.line_ran(running.application.now())
            except NewsletterError as error:
                # Everything is stored or not stored as a whole: the next tick tries again from what there is.
                running.vitals.line_failed(str(error))
                logger.error("daemon.stage_failed", stage="line", error=str(error))  # noqa: TRY400 (one line, not a traceback)
            running.wake.set()
            await running.tick.wait()

    async def _forget(self) -> None:
        """Forget whoever has signed up and not confirmed it in time, and what came back long ago."""
        application = self.running.application
        settings, store, now = application.configuration.settings, application.store, application.now()
        people = await store.forget_signups(now - timedelta(days=settings.signup.forget_days))
        if people:
            logger.info("signup.forgotten", subscribers=people)
        returned = await store.forget_bounces(now - timedelta(days=settings.bounces.keep_days))
        if returned:
            logger.info("bounce.forgotten", bounces=returned)

    async def _step(self) -> None:
        running, application = self.running, self.running.application
        if not running.has(Role.SCHEDULE):
            await application.store.check_schema()
            running.vitals.clearance = await read_clearance(application.store)  # elsewhere the watch looks
            return
        await self._forget()
        await collect(application.store, running.parts.sources, application.now, on_report=running.metrics.collected)
        if not running.stopping.is_set():
            running.metrics.issued(await running.parts.issuer.issue(application.now()))
