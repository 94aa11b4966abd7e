"""Figures for Prometheus: counted as things happen, or read from the store when somebody asks. Nothing is global, and
nothing runs in the background.

Names follow https://prometheus.io/docs/practices/naming/; ``docs/operations.md`` lists them, and a test compares.
"""

from __future__ import annotations

import asyncio
import platform
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from newsletter.core.routing import Fleet
from newsletter.errors import StoreError
from newsletter.figures import gauge, line_figures, relay_figures, source_figures, store_figures
from newsletter.model import (
    ALL_ROLES,
    BounceKind,
    IssueKind,
    OutcomeKind,
    Readings,
    Role,
    SignupEvent,
    SourceState,
)
from newsletter.service.bounces import SMTP
from newsletter.service.relays import read_relays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from prometheus_client.metrics_core import Metric

    from newsletter.model import Circuit, EmailAddress, Outcome
    from newsletter.ports import Begin, Store, Transport
    from newsletter.service.bounces import Taken
    from newsletter.service.collect import CollectionReport
    from newsletter.service.deliver import DeliveryCounts
    from newsletter.service.issue import IssueReport
    from newsletter.service.relays import RelayStanding
    from newsletter.vitals import Vitals

logger = structlog.get_logger(__name__)

# Deliveries are counted over the last week: over all years it would be a look at every row, each quarter of a minute.
WINDOW: Final = timedelta(days=7)
READ_TIMEOUT_S: Final = 5.0  # Prometheus gives up after ten by default
SMTP_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
OUTCOMES: Final = (OutcomeKind.ACCEPTED.value, OutcomeKind.DEFERRED.value, OutcomeKind.REJECTED.value, "unknown")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one scrape shows beside the counters; ``readings`` is None when the store did not answer."""

    now: datetime
    source_names: Sequence[str]
    sources: Mapping[str, SourceState]
    readings: Readings | None
    relays: Sequence[RelayStanding] = ()
    domains: Sequence[Circuit] = ()  # that are left alone


class Metrics:
    """Every figure of one daemon."""

    def __init__(
        self,
        store: Store,
        vitals: Vitals,
        now: Callable[[], datetime],
        windowed: timedelta = WINDOW,
        roles: frozenset[Role] = ALL_ROLES,
    ) -> None:
        self._store = store
        self._vitals = vitals
        self._now = now
        self._window = windowed
        self._source_names: tuple[str, ...] = ()
        self._fleet = Fleet(())
        self._configuration_ok = True
        self._snapshot: Snapshot | None = None
        self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self.registry)
        self._count(self.registry)
        self._count_signups(self.registry)
        role = Gauge(
            "newsletter_role", "1 for what this process does, 0 for what it does not.", ["role"], registry=self.registry
        )
        for each in Role:
            role.labels(each.value).set(int(each in roles))
        self.registry.register(self)  # for what collect() makes

    def _count(self, registry: CollectorRegistry) -> None:
        self._smtp_seconds = Histogram(
            "newsletter_smtp_send_duration_seconds",
            "How long handing over one mail took, the wait for a connection included.",
            ["relay"],
            buckets=SMTP_BUCKETS,
            registry=registry,
        )
        self._smtp_outcomes = Counter(
            "newsletter_smtp_outcomes",
            "What attempts to hand over a mail came to: accepted, deferred, rejected, or unknown (lost after the end).",
            ["relay", "outcome"],
            registry=registry,
        )
        self._bounces = Counter(
            "newsletter_bounces",
            "Reports of what came back, by kind (hard, soft, complaint, or none: nothing to count) and source.",
            ["kind", "source"],
            registry=registry,
        )
        self._postponed = Counter(
            "newsletter_deliveries_postponed",
            "Deliveries given back unattempted, for a limit or a domain that is left alone.",
            registry=registry,
        )
        self._unidentified_bounces = Counter(
            "newsletter_bounces_unidentified",
            "Those of them that nothing of ours proves to be about somebody, and that changed nothing.",
            ["source"],
            registry=registry,
        )
        self._posts = Counter(
            "newsletter_webhook_posts",
            "Tries to tell a webhook of an event, by outcome: accepted or refused.",
            ["webhook", "outcome"],
            registry=registry,
        )
        for told in BounceKind:
            self._bounces.labels(told.value, SMTP)
        self._unaccounted = Counter(
            "newsletter_deliveries_unaccounted", "Deliveries whose outcome could not be recorded.", registry=registry
        )
        self._checks = Counter(
            "newsletter_source_checks",
            "Times that a source was asked, by result: read, unchanged, or the kind of fault.",
            ["source", "result"],
            registry=registry,
        )
        self._new_papers = Counter(
            "newsletter_papers_new", "Papers that nobody knew, by the source that told first.", ["source"],
            registry=registry,
        )  # fmt: skip
        self._issues = Counter("newsletter_issues_planned", "Mails planned, by kind.", ["kind"], registry=registry)
        for kind in IssueKind:
            self._issues.labels(kind.value)
        info = Gauge("newsletter_build_info", "Always 1.", ["version", "python"], registry=registry)
        info.labels(self._vitals.version, platform.python_version()).set(1)

    def _count_signups(self, registry: CollectorRegistry) -> None:
        self._signups = Counter(
            "newsletter_signups",
            "What became of forms to sign up: asked, reminded, silent, trapped, held_back, confirmed or refused.",
            ["event"],
            registry=registry,
        )
        for each in SignupEvent:
            self._signups.labels(each.value)

    # --- What happens -------------------------------------------------------------------------------------------------

    def configured(self, source_names: Iterable[str], fleet: Fleet, *, is_ok: bool) -> None:
        """Note which sources and relays there are, and whether the configuration in the files is the one in force."""
        self._source_names, self._fleet, self._configuration_ok = tuple(source_names), fleet, is_ok

    def collected(self, report: CollectionReport) -> None:
        """Count what asking one source came to."""
        name, fault = report.state.name, report.state.fault
        if not report.asked:
            return
        result = fault.kind if fault else "unchanged" if report.not_modified else "read"
        self._checks.labels(name, result).inc()
        self._new_papers.labels(name).inc(report.counts.new)

    def issued(self, report: IssueReport) -> None:
        """Count what a planning run planned."""
        self._issues.labels(IssueKind.DIGEST.value).inc(report.planned - report.welcomes - report.quiet - report.probes)
        self._issues.labels(IssueKind.WELCOME.value).inc(report.welcomes)
        self._issues.labels(IssueKind.QUIET.value).inc(report.quiet)
        self._issues.labels(IssueKind.PROBE.value).inc(report.probes)

    def delivered(self, counts: DeliveryCounts) -> None:
        """Count what a delivery run came to."""
        self._postponed.inc(counts.postponed)
        self._unaccounted.inc(abs(counts.unaccounted))

    def bounced(self, taken: Taken) -> None:
        """Count a report of what came back, once however often it is read."""
        if taken.kind is None or taken.is_new:
            self._bounces.labels(taken.kind.value if taken.kind else "none", taken.source).inc()
        if taken.is_new and not taken.is_identified:
            self._unidentified_bounces.labels(taken.source).inc()

    def signed_up(self, event: SignupEvent) -> None:
        """Count what became of a form to sign up."""
        self._signups.labels(event.value).inc()

    def posted(self, webhook: str, is_accepted: bool) -> None:  # noqa: FBT001 (called by position)
        """Count a try to tell a webhook of an event."""
        self._posts.labels(webhook, "accepted" if is_accepted else "refused").inc()

    def measured(self, transport: Transport, relay: str) -> Transport:
        """Return ``transport``, with what it does counted under the relay's name."""
        for outcome in OUTCOMES:
            self._smtp_outcomes.labels(relay, outcome)
        return MeasuredTransport(transport, lambda outcome, seconds: self._sent(relay, outcome, seconds))

    def _sent(self, relay: str, outcome: Outcome, seconds: float) -> None:
        self._smtp_outcomes.labels(relay, "unknown" if outcome.is_unknown else outcome.kind.value).inc()
        self._smtp_seconds.labels(relay).observe(seconds)

    # --- What is asked ------------------------------------------------------------------------------------------------

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return every figure as text and its media type, by what the client accepts. Never fails for the store."""
        snapshot = await self._read()
        self._snapshot = snapshot  # nobody else comes in between: what follows does not wait
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type

    async def _read(self) -> Snapshot:
        now = self._now()
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                readings = await self._store.readings(now - self._window, now)
                states = await self._store.source_states()
                relays, domains = await read_relays(self._store, self._fleet, now)
                return Snapshot(now, self._source_names, states, readings, relays, domains)
        except (StoreError, TimeoutError) as error:
            logger.warning("metrics.store_down", error=str(error) or "no answer in time")
            return Snapshot(now, self._source_names, {}, None)

    def collect(self) -> Iterator[Metric]:
        """Yield what was read for the scrape at hand."""
        yield from line_figures(self._vitals, is_configuration_ok=self._configuration_ok)
        snapshot = self._snapshot
        up = snapshot is not None and snapshot.readings is not None
        yield gauge("newsletter_store_up", "Whether the database answered.", int(up))
        if snapshot is not None and snapshot.readings is not None:
            yield from store_figures(snapshot.readings, snapshot.now)
            yield from relay_figures(snapshot.relays, snapshot.domains)
            states = [snapshot.sources.get(name) or SourceState(name) for name in snapshot.source_names]
            yield from source_figures(states, snapshot.now)

    def names(self) -> set[str]:
        """Return the name of every family there can be, counters without their ``_total``."""
        shown = {family.name for family in self.registry.collect()}
        epoch = self._now()
        empty = Readings({}, {}, 0, epoch, epoch)
        asked = (*store_figures(empty, epoch), *relay_figures([], []), *source_figures([], epoch))
        return shown | {family.name for family in asked}


class MeasuredTransport:
    """Implements :class:`newsletter.ports.Transport` over another, and tells what each mail came to."""

    def __init__(self, transport: Transport, tell: Callable[[Outcome, float], None]) -> None:
        self._transport = transport
        self._tell = tell

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        """Hand over one message and return its outcome."""
        started = time.perf_counter()
        outcome = await self._transport.send(message, sender, recipient, envelope_id=envelope_id, begin=begin)
        self._tell(outcome, time.perf_counter() - started)
        return outcome

    async def aclose(self) -> None:
        """End all connections politely."""
        await self._transport.aclose()
