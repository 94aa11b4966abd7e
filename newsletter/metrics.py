"""Figures for Prometheus: counted as things happen, or read from the store when somebody asks. Nothing is global, and
nothing runs in the background.

Names follow https://prometheus.io/docs/practices/naming/; ``docs/operations.md`` lists them, and a test compares.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections import Counter as Counted
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from newsletter.core.routing import Fleet
from newsletter.errors import StoreError
from newsletter.model import (
    ALL_ROLES,
    BounceKind,
    CircuitCause,
    Health,
    IssueKind,
    OutcomeKind,
    PauseScope,
    Readings,
    Role,
    SourceState,
)
from newsletter.service.bounces import SMTP
from newsletter.service.relays import RelayState, read_relays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from newsletter.core.clearance import Clearance
    from newsletter.model import Circuit, EmailAddress, Outcome, WebhookStanding
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


def line_figures(vitals: Vitals, *, is_configuration_ok: bool) -> Iterator[Metric]:
    """Yield how the daemon's own line goes."""
    ok = vitals.has_run and not vitals.line_fault
    yield gauge("newsletter_line_last_run_ok", "Whether the last run of collecting and planning succeeded.", int(ok))
    if vitals.ran_ok_at is not None:
        yield gauge(
            "newsletter_line_last_success_timestamp_seconds", "When one last did.", vitals.ran_ok_at.timestamp()
        )
    text = "By how many mails the sums of the last days' issues do not close."
    yield gauge("newsletter_issue_sums_difference", text, vitals.sums_difference)
    yield from clearance_figures(vitals.clearance)
    text = "Whether what comes back could be read at the last look."
    readers = {name: int(not fault) for name, fault in vitals.reader_faults.items()}
    yield gauge_by("newsletter_bounce_reader_up", text, "reader", readers)
    yield from webhook_figures(vitals.webhooks)
    text = "Whether the configuration in the files is the one in force; 0: it was refused."
    yield gauge("newsletter_configuration_ok", text, int(is_configuration_ok))


def webhook_figures(webhooks: Sequence[WebhookStanding]) -> Iterator[Metric]:
    """Yield how webhooks stand."""
    text = "Whether the last event was taken, by webhook."
    yield gauge_by("newsletter_webhook_up", text, "webhook", {each.name: int(not each.failures) for each in webhooks})
    waiting = {(each.name, "waiting"): each.waiting for each in webhooks}
    failed = {(each.name, "failed"): each.failed for each in webhooks}
    text = "Events that wait for a webhook, and that came too late for it."
    yield gauge_by_pairs("newsletter_webhook_postings", text, ("webhook", "state"), waiting | failed)


def clearance_figures(clearance: Clearance | None) -> Iterator[Metric]:
    """Yield what keeps mail from going by somebody's will."""
    sealed = clearance is not None and clearance.is_sealed
    yield gauge("newsletter_sealed", "Whether the store is at home elsewhere, so that nothing is sent.", int(sealed))
    pauses = Counted(pause.scope.value for pause in clearance.pauses) if clearance else Counted[str]()
    counts = {scope.value: pauses[scope.value] for scope in PauseScope}
    yield gauge_by("newsletter_pauses", "What an operator has paused: everything, relays, profiles.", "scope", counts)


def store_figures(readings: Readings, now: datetime) -> Iterator[Metric]:
    """Yield what the store says of deliveries, people and papers."""
    text = "Deliveries by state and the relay asked last, of those planned within the last seven days."
    yield gauge_by_pairs("newsletter_deliveries", text, ("state", "relay"), readings.deliveries)
    yield gauge_by("newsletter_subscribers", "Subscribers by status.", "status", readings.subscribers)
    yield gauge_by("newsletter_suppressions", "Suppressions in force, by kind.", "kind", readings.suppressions)
    yield gauge("newsletter_papers", "Papers in the store.", readings.papers)
    waiting = now - readings.oldest_ready_at if readings.oldest_ready_at else timedelta()
    text = "How long the mail that has been ready for longest has been waiting; 0 when none is."
    yield gauge("newsletter_queue_age_seconds", text, max(waiting.total_seconds(), 0))
    if readings.last_issue_at is not None:
        at = readings.last_issue_at.timestamp()
        yield gauge("newsletter_last_issue_timestamp_seconds", "When mails were last planned.", at)
    yield gauge("newsletter_last_issue_planned", "How many mails were planned then.", readings.last_issue_planned)


def relay_figures(relays: Sequence[RelayStanding], domains: Sequence[Circuit]) -> Iterator[Metric]:
    """Yield how the relays are, and how many recipient domains are left alone."""
    up = {each.plan.name: int(each.state in (RelayState.READY, RelayState.LIMITED)) for each in relays}
    yield gauge_by("newsletter_relay_up", "Whether the relay takes part: it neither failed nor is paused.", "relay", up)
    circuits = {
        (each.plan.name, cause.value): int(each.circuit is not None and each.circuit.cause is cause)
        for each in relays
        for cause in CircuitCause
    }
    text = "1 for why the relay is left alone, 0 for why it is not."
    yield gauge_by_pairs("newsletter_relay_circuit_open", text, ("relay", "cause"), circuits)
    allowed = {(each.plan.name, one.limit.window.value): one for each in relays for one in each.allowances}
    text = "How many mails a limit of the relay still lets through now."
    left = {key: one.left for key, one in allowed.items()}
    yield gauge_by_pairs("newsletter_relay_tokens_left", text, ("relay", "window"), left)
    text = "How many mails a limit of the relay lets through in its window, warm-up included."
    most = {key: one.limit.most for key, one in allowed.items()}
    yield gauge_by_pairs("newsletter_relay_tokens", text, ("relay", "window"), most)
    yield gauge("newsletter_domains_left_alone", "Recipient domains that are left alone for a while.", len(domains))


def source_figures(states: Sequence[SourceState], now: datetime) -> Iterator[Metric]:
    """Yield how the sources are; an age is left out where there never was what it counts from."""
    health = GaugeMetricFamily(
        "newsletter_source_health", "1 for what the source is, 0 for what it is not.", labels=["source", "health"]
    )
    checked = {state.name: state.last_success_at for state in states}
    newest = {state.name: state.last_new_paper_at for state in states}
    for state in states:
        for value in Health:
            health.add_metric([state.name, value.value], int(state.health is value))
    yield health
    text = "How long ago the source could last be read."
    yield gauge_by("newsletter_source_success_age_seconds", text, "source", ages(checked, now))
    text = "How long ago the source last had a new paper."
    yield gauge_by("newsletter_source_new_paper_age_seconds", text, "source", ages(newest, now))
    text = "Times in a row that the source could not be read."
    failures = {state.name: state.failures for state in states}
    yield gauge_by("newsletter_source_failures", text, "source", failures)


def ages(moments: Mapping[str, datetime | None], now: datetime) -> dict[str, float]:
    """Return how many seconds ago each moment was, without those that never were."""
    return {name: max((now - at).total_seconds(), 0) for name, at in moments.items() if at is not None}


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a family of one value."""
    return GaugeMetricFamily(name, text, value=value)


def gauge_by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """Return a family with a value for each value of one label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def gauge_by_pairs(name: str, text: str, labels: tuple[str, str], values: Mapping[tuple[str, str], float]) -> Metric:
    """Return a family with a value for each pair of values of two labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for pair, value in values.items():
        family.add_metric(pair, value)
    return family
