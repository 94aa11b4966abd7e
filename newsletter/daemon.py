"""The daemon: ticks, the straight line collect → issue → deliver, the pages, signals and an ordered stop.

The scheduler only wakes tasks of ours; what is due is asked of the store each time, so a tick that comes late, twice or
never costs nothing but time::

    tick ─▶ reload? ─▶ collect ─▶ issue ─┐            one task: each stage commits, each can be rerun
                                         ▼ wake
    tick ─────────────────────────────▶ deliver       another task: stops between two mails, never within one

``SIGTERM`` and ``SIGINT`` finish the mails in flight and end the process within ``deliver.shutdown_s``; ``SIGHUP`` or a
changed file reloads the configuration, and one that is broken leaves the last good one in force.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from newsletter.errors import ConfigurationError, NewsletterError
from newsletter.service.collect import collect
from newsletter.settings.load import fingerprint, load_configuration
from newsletter.web.app import create_app
from newsletter.web.server import serve
from newsletter.wiring import build_parts, exclusive, start_catcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from newsletter.settings.load import Configuration
    from newsletter.wiring import Application, Parts

logger = structlog.get_logger(__name__)

TICK_S = 15
LINE_GRACE_S = 3
STALLED_AFTER = timedelta(minutes=10)


@dataclass(slots=True)
class Daemon:
    """One running instance; ``announce`` tells the terminal where to look."""

    application: Application
    announce: Callable[[str], None] = lambda _: None
    tick_s: float = TICK_S
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tick: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _reload: bool = False
    _pause: asyncio.Event = field(default_factory=asyncio.Event)
    _delivering: asyncio.Lock = field(default_factory=asyncio.Lock)
    _seen_fingerprint: object = None
    _last_run_ok_at: datetime | None = None
    _last_fault: str = ""
    _delivery_fault: str = ""
    _parts: Parts = field(init=False)

    async def run(self) -> None:
        """Run until told to stop; NewsletterError when it cannot start (a port is taken, the store is unreachable)."""
        application = self.application
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(exclusive(application))
            await start_catcher(application, stack)
            self._parts = build_parts(application)
            stack.push_async_callback(self._close_parts)
            self._seen_fingerprint = application.configuration.fingerprint
            await application.sync_subscribers()
            await self._take_over()
            url = await self._serve_pages(stack)
            self._start_scheduler(stack)
            self._listen_to_signals(stack)
            self.announce(url)
            logger.info("daemon.started", version=application.version, url=url)
            await self._work()
        logger.info("daemon.stopped")

    async def _take_over(self) -> None:
        """Take back what a killed predecessor held."""
        released = await self.application.store.take_over()
        if released:
            logger.info("daemon.resumed", deliveries=released)

    async def _serve_pages(self, stack: AsyncExitStack) -> str:
        application = self.application
        settings = application.configuration.settings
        app = create_app(
            application.store,
            application.links,
            settings.newsletter.name,
            application.now,
            application.maildir if settings.mail.catcher.enabled else None,
            self.health,
        )
        port = await serve(app, settings.web.host, settings.web.port, stack)
        return f"http://{settings.web.host}:{port}"

    async def _close_parts(self) -> None:
        await self._parts.aclose()

    def health(self) -> dict[str, object]:
        """Return what ``/healthz`` says; ``ok`` is false when the line has stalled or failed."""
        now = self.application.now()
        ok = self._last_run_ok_at is not None and now - self._last_run_ok_at < STALLED_AFTER and not self._last_fault
        return {
            "ok": ok,
            "version": self.application.version,
            "last_run_at": str(self._last_run_ok_at) if self._last_run_ok_at else None,
            "fault": self._last_fault or None,
            "delivery_fault": self._delivery_fault or None,
            "configuration_fault": self.application.configuration_fault or None,
        }

    async def _work(self) -> None:
        line, deliveries = asyncio.create_task(self._line()), asyncio.create_task(self._deliveries())
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait([line, deliveries, stop], return_when=asyncio.FIRST_COMPLETED)
        self.stopping.set()
        for event in (self._tick, self._wake, self._pause):
            event.set()
        grace_s = self.application.configuration.settings.deliver.shutdown_s
        # A source that is slow to answer is asked again next time: only mails in flight are worth waiting for.
        await asyncio.gather(self._end(line, min(LINE_GRACE_S, grace_s)), self._end(deliveries, grace_s))
        stop.cancel()
        for result in await asyncio.gather(line, deliveries, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _end(self, task: asyncio.Task[None], grace_s: float) -> None:
        """Let a task end by itself, or cut it short: what it had not committed is as if it had not begun."""
        _, late = await asyncio.wait([task], timeout=grace_s)
        if late:
            logger.warning("daemon.cut_short", after_s=grace_s)
            task.cancel()

    async def _line(self) -> None:
        """Collect and issue at every tick, the first at once; wait for the store to come back when it fails."""
        while not self.stopping.is_set():
            self._tick.clear()
            try:
                await self._reload_if_changed()
                await self._collect_and_issue()
                self._last_run_ok_at, self._last_fault = self.application.now(), ""
            except NewsletterError as error:
                # Everything is stored or not stored as a whole: the next tick tries again from what there is.
                self._last_fault = str(error)
                logger.error("daemon.stage_failed", error=str(error))  # noqa: TRY400 (one line, not a traceback)
            self._wake.set()
            await self._tick.wait()

    async def _collect_and_issue(self) -> None:
        application = self.application
        await collect(application.store, self._parts.sources, application.now)
        if not self.stopping.is_set():
            await self._parts.issuer.issue(application.now())

    async def _deliveries(self) -> None:
        while not self.stopping.is_set():
            await self._wake.wait()
            self._wake.clear()
            if self._pause.is_set():
                continue
            try:
                async with self._delivering:
                    counts = await self._parts.deliverer.deliver_due(self._pause)
                self._delivery_fault = counts.fault or ""
            except NewsletterError as error:
                self._delivery_fault = str(error)
                logger.error("daemon.stage_failed", error=str(error))  # noqa: TRY400

    async def _reload_if_changed(self) -> None:
        directory = self.application.configuration.directory
        current = fingerprint(directory)
        if not self._reload and current == self._seen_fingerprint:
            return
        try:
            configuration = load_configuration(directory)
        except ConfigurationError as error:
            self._reload, self._seen_fingerprint = False, current
            self.application.configuration_fault = str(error)
            for problem in error.problems:
                logger.error("configuration.refused", problem=str(problem))  # noqa: TRY400
            logger.warning("configuration.last_good_in_force")
            return
        await self._swap(configuration)
        # Only now: should the store be busy while subscribers are synced, the next tick does it all again.
        self._reload, self._seen_fingerprint = False, current

    async def _swap(self, configuration: Configuration) -> None:
        """Put a new configuration in force between two mails."""
        self._pause.set()
        try:
            async with self._delivering:
                self.application.adopt(configuration)
                old, self._parts = self._parts, build_parts(self.application)
                self._parts.take_over(old)
                await old.aclose()
        finally:
            if not self.stopping.is_set():
                self._pause.clear()
        await self.application.sync_subscribers()
        logger.info("configuration.reloaded", profiles=len(configuration.profiles))

    def _start_scheduler(self, stack: AsyncExitStack) -> None:
        scheduler = AsyncIOScheduler(timezone="UTC")
        scheduler.add_job(
            self._on_tick, "interval", seconds=self.tick_s, coalesce=True, max_instances=1, misfire_grace_time=None
        )
        scheduler.start()
        stack.callback(scheduler.shutdown, wait=False)

    async def _on_tick(self) -> None:
        self._tick.set()
        self._wake.set()

    def _listen_to_signals(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGTERM: self.stop, signal.SIGINT: self.stop, signal.SIGHUP: self.reload}
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
            stack.callback(loop.remove_signal_handler, number)

    def stop(self) -> None:
        """Finish the mails in flight and end."""
        logger.info("daemon.stopping")
        self.stopping.set()

    def reload(self) -> None:
        """Read the configuration again before the next collection."""
        self._reload = True
        self._tick.set()
