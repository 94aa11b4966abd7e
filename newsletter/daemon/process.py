"""One process of the daemon: what it opens, the tasks of its roles, its signals, and its end.

``SIGTERM`` and ``SIGINT`` finish the mails in flight and end the process within ``deliver.shutdown_s``; ``SIGHUP`` or a
changed file reloads the configuration.
"""

from __future__ import annotations

import asyncio
import math
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from newsletter.daemon.bounces import BounceReading
from newsletter.daemon.line import Line
from newsletter.daemon.pages import health, serve_pages
from newsletter.daemon.reloading import Reloading
from newsletter.daemon.running import Running
from newsletter.daemon.ticks import start_ticks
from newsletter.daemon.watch import Watch
from newsletter.daemon.webhooks import Telling
from newsletter.daemon.worker import Worker
from newsletter.model import ALL_ROLES, Role
from newsletter.notify import Notifier
from newsletter.wiring.application import check_roles, exclusive, start_catcher
from newsletter.wiring.webhooks import wanted_webhooks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from newsletter.wiring.application import Application

logger = structlog.get_logger(__name__)

TICK_S = 15
LINE_GRACE_S = 3


@dataclass(slots=True)
class Daemon:
    """One running instance; ``announce`` tells the terminal where to look, ``port`` replaces ``web.port``."""

    application: Application
    announce: Callable[[str], None] = lambda _: None
    tick_s: float = TICK_S
    notifier: Notifier = field(default_factory=Notifier)
    roles: frozenset[Role] = ALL_ROLES
    port: int | None = None
    running: Running = field(init=False)
    _reloading: Reloading = field(init=False)

    def __post_init__(self) -> None:
        self.running = Running(self.application, self.notifier, self.roles)
        self._reloading = Reloading(self.running)

    @property
    def stopping(self) -> asyncio.Event:
        """Set when it is to end."""
        return self.running.stopping

    def health(self) -> dict[str, object]:
        """Return what ``/healthz`` says."""
        return health(self.running)

    async def run(self) -> None:
        """Run until told to stop; NewsletterError when it cannot start (a port is taken, the store is unreachable)."""
        application, running = self.application, self.running
        check_roles(application, self.roles)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(exclusive(application))
            if running.has(Role.WORKER):
                await start_catcher(application, stack)
            running.parts = running.build_parts()
            stack.push_async_callback(self._close_parts)
            await self._prepare()
            url = await serve_pages(running, self.port, stack)
            start_ticks(running, self.tick_s, stack)
            self._listen_to_signals(stack)
            self.announce(url)
            logger.info("daemon.started", version=application.version, url=url, roles=sorted(map(str, self.roles)))
            running.note_configuration()
            await self._work()
        logger.info("daemon.stopped")

    async def _prepare(self) -> None:
        application = self.application
        if self.running.has(Role.SCHEDULE):
            wanted = wanted_webhooks(application.configuration.settings)
            await application.store.sync_webhooks(wanted, application.now())
            await application.sync_subscribers()
        if self.running.has(Role.WORKER):
            released = await application.store.take_over()
            if released:
                logger.info("daemon.resumed", deliveries=released)

    async def _close_parts(self) -> None:
        await self.running.parts.aclose()

    def _tasks(self) -> list[tuple[Coroutine[None, None, None], float]]:
        """Return the tasks of our roles, each with the most seconds that its last step may take when all ends."""
        running = self.running
        # A source that is slow to answer is asked again next time: only mails in flight are worth waiting for.
        tasks: list[tuple[Coroutine[None, None, None], float]] = [(Line(running, self._reloading).run(), LINE_GRACE_S)]
        if running.has(Role.SCHEDULE):
            tasks.append((Watch(running).run(), LINE_GRACE_S))
        if running.has(Role.WORKER):
            worker = Worker(running)
            tasks += [(worker.run(), math.inf), (worker.listen(), LINE_GRACE_S)]
        if running.has(Role.SCHEDULE) or running.has(Role.WORKER):
            tasks.append((Telling(running).run(), LINE_GRACE_S))
        if running.has(Role.WEB):
            tasks.append((BounceReading(running).run(), LINE_GRACE_S))
        return tasks

    async def _work(self) -> None:
        tasks = [(asyncio.create_task(work), most_s) for work, most_s in self._tasks()]
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait([stop, *(task for task, _ in tasks)], return_when=asyncio.FIRST_COMPLETED)
        self.running.end()
        grace_s = self.application.configuration.settings.deliver.shutdown_s
        await asyncio.gather(*(end(task, min(most_s, grace_s)) for task, most_s in tasks))
        stop.cancel()
        for result in await asyncio.gather(*(task for task, _ in tasks), return_exceptions=True):
            if isinstance(result, Exception):
                raise result

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
        self._reloading.ask()


async def end(task: asyncio.Task[None], grace_s: float) -> None:
    """Let a task end by itself, or cut it short: what it had not committed is as if it had not begun."""
    _, late = await asyncio.wait([task], timeout=grace_s)
    if late:
        logger.warning("daemon.cut_short", after_s=grace_s)
        task.cancel()
