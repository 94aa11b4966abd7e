"""Telling webhooks, at every tick: one process says which there are and which issues are done, those that send post."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from newsletter.errors import NewsletterError
from newsletter.model import Role
from newsletter.service.gate import read_clearance
from newsletter.wiring.webhooks import build_postman, wanted_webhooks

if TYPE_CHECKING:
    from newsletter.daemon.running import Running
    from newsletter.service.posting import Postman
    from newsletter.settings.load import Configuration

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Telling:
    """Runs with the configuration in force."""

    running: Running
    _postman: Postman | None = field(default=None, init=False)
    _configuration: Configuration | None = field(default=None, init=False)

    async def run(self) -> None:
        """Tell what there is to tell until the end; what is cut short is told again, under the same id."""
        running = self.running
        try:
            while not running.stopping.is_set():
                running.tell.clear()
                try:
                    await self._step()
                except NewsletterError as error:
                    logger.error("webhook.not_told", error=str(error))  # noqa: TRY400 (one line, not a traceback)
                await running.tell.wait()
        finally:
            await self._use(None)

    async def _step(self) -> None:
        running, application = self.running, self.running.application
        store, now = application.store, application.now()
        if running.has(Role.SCHEDULE):
            settings = application.configuration.settings
            await store.sync_webhooks(wanted_webhooks(settings), now)
            await store.tell_issues(now)
            await store.forget_postings(now - timedelta(days=settings.webhooks.keep_days))
        if running.has(Role.WORKER):
            await self._post()

    async def _post(self) -> None:
        """Post what waits; a store that is at home elsewhere tells nothing, for the other one does."""
        configuration = self.running.application.configuration
        if configuration is not self._configuration:
            await self._use(configuration)
        if self._postman is None or not self._postman.webhooks:
            return
        if not (await read_clearance(self.running.application.store)).is_sealed:
            await self._postman.run()

    async def _use(self, configuration: Configuration | None) -> None:
        if self._postman is not None:
            await self._postman.aclose()
        self._configuration = configuration
        self._postman = build_postman(self.running.application, self.running.metrics.posted) if configuration else None
