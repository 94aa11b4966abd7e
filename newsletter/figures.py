"""Figures for Prometheus that are read when somebody asks: of line, store, relays and sources, purely."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from newsletter.model import CircuitCause, Health, PauseScope
from newsletter.service.relays import RelayState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from newsletter.core.clearance import Clearance
    from newsletter.model import Circuit, Readings, SourceState, WebhookStanding
    from newsletter.service.relays import RelayStanding
    from newsletter.vitals import Vitals


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
    pauses = Counter(pause.scope.value for pause in clearance.pauses) if clearance else Counter[str]()
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
