"""The daemon: ticks, the straight line collect → issue → deliver, the pages, signals and an ordered stop.

The scheduler only wakes tasks of ours; what is due is asked of the store each time, so a tick that comes late, twice or
never costs nothing but time::

    tick ─▶ reload? ─▶ collect ─▶ issue ─┐            one task: each stage commits, each can be rerun
                                         ▼ wake
    tick ─────────────────────────────▶ deliver       another task: stops between two mails, never within one
    tick ─▶ signs of life ─▶ alerts                   another task: tells what stays wrong, also when the line hangs

``SIGTERM`` and ``SIGINT`` finish the mails in flight and end the process within ``deliver.shutdown_s``; ``SIGHUP`` or a
changed file reloads the configuration, and one that is broken leaves the last good one in force.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from newsletter.core.alerts import Observation
from newsletter.errors import ConfigurationError, NewsletterError, StoreError, TemplateError
from newsletter.metrics import Metrics
from newsletter.model import SourceState
from newsletter.notify import Notifier
from newsletter.service.accounts import Accountant
from newsletter.service.alerting import Alerter
from newsletter.service.collect import collect
from newsletter.settings.load import fingerprint, load_configuration
from newsletter.vitals import Vitals
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.web.server import serve
from newsletter.wiring import build_parts, exclusive, start_catcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.settings.load import Configuration
    from newsletter.wiring import Application, Parts

logger = structlog.get_logger(__name__)

TICK_S = 15
LINE_GRACE_S = 3


@dataclass(slots=True)
class Daemon:
    """One running instance; ``announce`` tells the terminal where to look."""

    application: Application
    announce: Callable[[str], None] = lambda _: None
    tick_s: float = TICK_S
    notifier: Notifier = field(default_factory=Notifier)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tick: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _look: asyncio.Event = field(default_factory=asyncio.Event)
    _reload: bool = False
    _pause: asyncio.Event = field(default_factory=asyncio.Event)
    _delivering: asyncio.Lock = field(default_factory=asyncio.Lock)
    _seen_fingerprint: object = None
    _parts: Parts = field(init=False)
    _vitals: Vitals = field(init=False)
    _metrics: Metrics = field(init=False)
    _alerter: Alerter = field(init=False)
    _accountant: Accountant = field(init=False)

    def __post_init__(self) -> None:
        application = self.application
        self._vitals = Vitals(application.version)
        self._metrics = Metrics(application.store, self._vitals, application.now)
        self._alerter = Alerter(application.store)
        self._accountant = Accountant(application.store)

    async def run(self) -> None:
        """Run until told to stop; NewsletterError when it cannot start (a port is taken, the store is unreachable)."""
        application = self.application
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(exclusive(application))
            await start_catcher(application, stack)
            self._parts = build_parts(application, self._metrics.measured)
            stack.push_async_callback(self._close_parts)
            self._seen_fingerprint = application.configuration.fingerprint
            await application.sync_subscribers()
            await self._take_over()
            url = await self._serve_pages(stack)
            self._start_scheduler(stack)
            self._listen_to_signals(stack)
            self.announce(url)
            logger.info("daemon.started", version=application.version, url=url)
            self._note_configuration()
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
            self._probes(),
        )
        port = await serve(app, settings.web.host, settings.web.port, stack)
        return f"http://{settings.web.host}:{port}"

    async def _close_parts(self) -> None:
        await self._parts.aclose()

    def _probes(self) -> Probes:
        token = self.application.configuration.settings.web.metrics_token
        return Probes(
            health=self.health,
            unready=self._vitals.unready,
            check_store=self.application.store.check_schema,
            exposition=self._metrics.exposition,
            metrics_token=token.get_secret_value() if token else None,
        )

    def health(self) -> dict[str, object]:
        """Return what ``/healthz`` says; ``ok`` is false when the line has stalled or failed."""
        fault = self.application.configuration_fault or None
        return {**self._vitals.health(self.application.now()), "configuration_fault": fault}

    async def _work(self) -> None:
        line, deliveries = asyncio.create_task(self._line()), asyncio.create_task(self._deliveries())
        watch, stop = asyncio.create_task(self._watch()), asyncio.create_task(self.stopping.wait())
        await asyncio.wait([line, deliveries, watch, stop], return_when=asyncio.FIRST_COMPLETED)
        self.stopping.set()
        self._vitals.is_stopping = True
        self.notifier.stopping()
        for event in (self._tick, self._wake, self._look, self._pause):
            event.set()
        grace_s = self.application.configuration.settings.deliver.shutdown_s
        # A source that is slow to answer is asked again next time: only mails in flight are worth waiting for.
        brief_s = min(LINE_GRACE_S, grace_s)
        await asyncio.gather(self._end(line, brief_s), self._end(watch, brief_s), self._end(deliveries, grace_s))
        stop.cancel()
        for result in await asyncio.gather(line, deliveries, watch, return_exceptions=True):
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
                self._vitals.line_ran(self.application.now())
            except NewsletterError as error:
                # Everything is stored or not stored as a whole: the next tick tries again from what there is.
                self._vitals.line_failed(str(error))
                logger.error("daemon.stage_failed", error=str(error))  # noqa: TRY400 (one line, not a traceback)
            self._wake.set()
            await self._tick.wait()

    async def _collect_and_issue(self) -> None:
        application = self.application
        await collect(application.store, self._parts.sources, application.now, on_report=self._metrics.collected)
        if not self.stopping.is_set():
            self._metrics.issued(await self._parts.issuer.issue(application.now()))

    async def _deliveries(self) -> None:
        while not self.stopping.is_set():
            await self._wake.wait()
            self._wake.clear()
            if self._pause.is_set():
                continue
            try:
                async with self._delivering:
                    counts = await self._parts.deliverer.deliver_due(self._pause)
                self._vitals.delivered(counts)
                self._metrics.delivered(counts)
            except NewsletterError as error:
                self._vitals.delivery_failed(str(error))
                logger.error("daemon.stage_failed", error=str(error))  # noqa: TRY400

    async def _watch(self) -> None:
        """Add up what was planned, and tell the operator at every tick what stays wrong, where that is asked for."""
        while not self.stopping.is_set():
            await self._look.wait()
            self._look.clear()
            if self.stopping.is_set():
                return
            parts, now = self._parts, self.application.now()
            await self._add_up()
            try:
                observation = await self._observe() if parts.announcers else Observation()
                await self._alerter.step(observation, parts.announcers, parts.alert_policy, now)
            except NewsletterError as error:
                logger.error("alert.not_followed", error=str(error))  # noqa: TRY400 (one line, not a traceback)

    async def _add_up(self) -> None:
        before = self._vitals.sums_fault
        try:
            self._vitals.added_up(await self._accountant.sums(self.application.now()))
        except StoreError as error:
            logger.error("sums.not_added_up", error=str(error))  # noqa: TRY400 (one line, not a traceback)
        if self._vitals.sums_fault and self._vitals.sums_fault != before:
            logger.error("sums.open", problem=self._vitals.sums_fault)

    async def _observe(self) -> Observation:
        now, store = self.application.now(), self.application.store
        observation = Observation(
            line_fault=self._vitals.trouble(now),
            delivery_fault=self._vitals.delivery_fault,
            configuration_fault=self.application.configuration_fault,
            unaccounted=self._vitals.unaccounted,
            sums_fault=self._vitals.sums_fault,
        )
        try:
            states = await store.source_states()
            ready_at = await store.next_due_at()
        except StoreError:
            return replace(observation, sources=None)
        names = self.application.configuration.settings.sources
        known = tuple(states.get(name) or SourceState(name) for name in names)
        return replace(observation, sources=known, oldest_ready_at=ready_at)

    async def _reload_if_changed(self) -> None:
        directory = self.application.configuration.directory
        current = fingerprint(directory)
        if not self._reload and current == self._seen_fingerprint:
            return
        try:
            # In a thread: hundreds of profiles take seconds, and pages and mails go on meanwhile.
            await self._swap(await asyncio.to_thread(load_configuration, directory))
        except (ConfigurationError, TemplateError) as error:
            self._reload, self._seen_fingerprint = False, current
            self.application.configuration_fault = str(error)
            for problem in error.problems:
                logger.error("configuration.refused", problem=str(problem))  # noqa: TRY400
            logger.warning("configuration.last_good_in_force")
            self._note_configuration()
            return
        # Only now: should the store be busy while subscribers are synced, the next tick does it all again.
        self._reload, self._seen_fingerprint = False, current
        self._note_configuration()

    def _note_configuration(self) -> None:
        """Tell those who watch which configuration is in force; the service manager waits for it."""
        is_ok = not self.application.configuration_fault
        self._metrics.configured(self.application.configuration.settings.sources, is_ok=is_ok)
        refused = "the changed configuration is refused, the last good one is in force"
        self.notifier.ready(f"version {self.application.version}" if is_ok else refused)

    async def _swap(self, configuration: Configuration) -> None:
        """Put a new configuration in force between two mails; TemplateError, and all as it was, when that cannot be."""
        application, before = self.application, self.application.configuration
        self._pause.set()
        try:
            async with self._delivering:
                application.adopt(configuration)
                try:
                    old, self._parts = self._parts, build_parts(application, self._metrics.measured)
                except TemplateError:
                    application.configuration = before
                    raise
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
        if self.notifier.watchdog_s is not None:
            every_s = self.notifier.watchdog_s / 2
            scheduler.add_job(self._on_watchdog, "interval", seconds=every_s, misfire_grace_time=None)
        scheduler.start()
        stack.callback(scheduler.shutdown, wait=False)

    async def _on_tick(self) -> None:
        for event in (self._tick, self._wake, self._look):
            event.set()

    async def _on_watchdog(self) -> None:
        if self._vitals.is_alive:
            self.notifier.alive()

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
        self.notifier.reloading()
        self._reload = True
        self._tick.set()
