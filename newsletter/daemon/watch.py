"""The watch: tells the operator at every tick what stays wrong, where that is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from newsletter.core.alerts import Observation
from newsletter.errors import NewsletterError, StoreError
from newsletter.model import SourceState
from newsletter.service.alerting import Alerter
from newsletter.service.oversight import Overseer
from newsletter.service.reporting import Reporter

if TYPE_CHECKING:
    from newsletter.daemon.running import Running

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Watch:
    """Looks at the signs of life and at the store."""

    running: Running
    _alerter: Alerter = field(init=False)
    _overseer: Overseer = field(init=False)
    _reporter: Reporter = field(init=False)

    def __post_init__(self) -> None:
        self._alerter = Alerter(self.running.application.store)
        self._overseer = Overseer(self.running.application.store)
        self._reporter = Reporter(self.running.application.store)

    async def run(self) -> None:
        """Look whether issues add up, whether mail may go, and what stays wrong, at every tick until the end."""
        running = self.running
        while not running.stopping.is_set():
            await running.look.wait()
            running.look.clear()
            if running.stopping.is_set():
                return
            parts, now = running.parts, running.application.now()
            await self._oversee()
            await self._report()
            try:
                observation = await self._observe() if parts.announcers else Observation()
                await self._alerter.step(observation, parts.announcers, parts.alert_policy, now)
            except NewsletterError as error:
                logger.error("alert.not_followed", error=str(error))  # noqa: TRY400 (one line, not a traceback)

    async def _report(self) -> None:
        parts, application = self.running.parts, self.running.application
        if parts.reporter is None or parts.report_policy is None:
            return
        names = list(application.configuration.settings.sources)
        try:
            await self._reporter.step(parts.reporter, parts.report_policy, names, application.now())
        except StoreError as error:
            logger.error("report.not_made", error=str(error))  # noqa: TRY400 (one line, not a traceback)

    async def _oversee(self) -> None:
        vitals = self.running.vitals
        fault, refusal = vitals.sums_fault, vitals.refusal
        try:
            vitals.overseen(await self._overseer.look(self.running.application.now()))
        except StoreError as error:
            logger.error("oversight.failed", error=str(error))  # noqa: TRY400 (one line, not a traceback)
        if vitals.sums_fault and vitals.sums_fault != fault:
            logger.error("sums.open", problem=vitals.sums_fault)
        if vitals.refusal != refusal:
            logger.warning("sending.refused" if vitals.refusal else "sending.allowed", reason=vitals.refusal)

    async def _observe(self) -> Observation:
        application, vitals = self.running.application, self.running.vitals
        relays = application.configuration.settings.mail.outgoing
        observation = Observation(
            line_fault=vitals.trouble(application.now()),
            delivery_fault=vitals.delivery_fault,
            configuration_fault=application.configuration_fault,
            unaccounted=vitals.unaccounted,
            sums_fault=vitals.sums_fault,
            clearance=vitals.clearance,
            relays=tuple(each for each in vitals.relays if each.name in relays),  # one that was taken out alarms nobody
            reader_faults=dict(vitals.reader_faults),
            webhooks=vitals.webhooks,
        )
        try:
            states = await application.store.source_states()
            ready_at = await application.store.next_due_at()
        except StoreError:
            return replace(observation, sources=None)
        names = application.configuration.settings.sources
        known = tuple(states.get(name) or SourceState(name) for name in names)
        return replace(observation, sources=known, oldest_ready_at=ready_at)
