"""Reporting: once a day, the operator is told what became of the day's mails."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.core.reporting import report_day
from newsletter.model import Aspect, RunReport, SourceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime, time

    from newsletter.model import Alert, Share
    from newsletter.ports import ReportSender, Store

logger = structlog.get_logger(__name__)

RETRY_AFTER: Final = timedelta(minutes=5)  # a relay that took no report


@dataclass(frozen=True, slots=True)
class ReportPolicy:
    """When the report goes out: at which time, on the clock of which zone (an IANA name)."""

    at: time
    zone: str


class Reporter:
    """Sends each day's report once, whichever process is the first to find it due. Steps must not overlap."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._retry_at: datetime | None = None

    async def step(
        self, sender: ReportSender, policy: ReportPolicy, source_names: Sequence[str], now: datetime
    ) -> None:
        """Send the report that is due, if one is; StoreError when that cannot be known.

        It is claimed first, so that two processes never send the same, and given back when the relay does not take it.
        The first day of all is only noted: before it, nobody had asked for reports.
        """
        if self._retry_at is not None and now < self._retry_at:
            return
        day, last = report_day(now, policy.zone, policy.at), await self._store.last_report()
        if last is not None and last >= day:
            return
        if not await self._store.claim_report(day, now) or last is None:
            return
        fault = await sender.send_report(await read_report(self._store, source_names, day), now)
        self._retry_at = now + RETRY_AFTER if fault is not None else None
        if fault is None:
            logger.info("report.sent", day=day.isoformat())
            return
        await self._store.drop_report(day)
        logger.error("report.not_sent", day=day.isoformat(), reason=fault)


async def read_report(store: Store, source_names: Sequence[str], day: date) -> RunReport:
    """Return what became of a day's mails, and how things stand."""
    states = await store.source_states()
    return RunReport(
        day=day,
        sums=next(iter(await store.issue_sums(day, day)), None),
        kinds=_counted(await store.shares(Aspect.KIND, day, day)),
        relays=_counted(await store.shares(Aspect.RELAY, day, day)),
        sources=tuple(states.get(name) or SourceState(name) for name in source_names),
        subscribers=await store.count_subscribers(),
        wrong=tuple(_told(await store.alerts())),
    )


def _counted(shares: Iterable[Share]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for share in shares:
        if share.value:
            counts[share.value] += share.count
    return dict(counts.most_common())


def _told(alerts: Iterable[Alert]) -> Iterable[Alert]:
    """Yield what has been told and is not over, each condition once."""
    seen = set()
    for alert in alerts:
        if alert.announced_at is not None and alert.calm_since is None and alert.condition not in seen:
            seen.add(alert.condition)
            yield alert
