"""When the operator is told that something is wrong: once it has lasted, and once more when it is over.

Two steps: :func:`observed` turns what is seen into conditions, :func:`follow` sets them against what is remembered.
What it finds due is told by the caller, and only then remembered as told (:func:`told`): an operator who could not be
reached is told the next time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.clearance import described
from newsletter.model import Alert, CircuitCause, Condition, Health, Notice, SourceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from newsletter.core.clearance import Clearance
    from newsletter.model import Circuit, WebhookStanding

# Over means over for this long: what comes and goes is one trouble, not twenty.
CALM: Final = timedelta(minutes=5)
OF_SOURCE: Final = "source:"
OF_READER: Final = "bounces:"
QUEUE: Final = "queue"
TROUBLED: Final = frozenset({Health.BROKEN, Health.THROTTLED, Health.STALE})


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """How long something must last before it is told; ``queue_age`` is how long a mail that is due may wait, and
    ``paused_for`` how long a pause may last before it looks forgotten.
    """

    after: timedelta = timedelta(minutes=15)
    source_after: timedelta = timedelta(hours=6)
    queue_age: timedelta = timedelta(hours=1)
    paused_for: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Observation:
    """What is seen at one moment. ``sources`` is None when the store could not be asked, then it tells nothing of the
    queue either. ``unaccounted`` is by how many mails the sums of the last delivery run do not close, ``sums_fault``
    which issue lately does not add up. ``clearance`` is what may be sent, None while that is not known. ``relays`` are
    those that are left alone.
    ``reader_faults`` tells by name which readers of bounces fail, ``webhooks`` how each webhook stands. A fault is a
    line for a person, or empty.
    """

    sources: tuple[SourceState, ...] | None = ()
    oldest_ready_at: datetime | None = None
    line_fault: str = ""
    delivery_fault: str = ""
    configuration_fault: str = ""
    unaccounted: int = 0
    sums_fault: str = ""
    clearance: Clearance | None = None
    relays: tuple[Circuit, ...] = ()
    reader_faults: Mapping[str, str] = field(default_factory=dict)
    webhooks: tuple[WebhookStanding, ...] = ()


def observed(observation: Observation, policy: AlertPolicy, now: datetime) -> list[Condition]:
    """Return what is wrong at ``now``."""
    found = [_of_source(state, policy.source_after) for state in observation.sources or () if state.health in TROUBLED]
    waiting = now - observation.oldest_ready_at if observation.oldest_ready_at else timedelta()
    if waiting > policy.queue_age:
        found.append(Condition(QUEUE, f"mails that are due have been waiting for {duration(waiting)}"))
    if observation.line_fault:
        found.append(Condition("line", f"collecting and planning fails: {observation.line_fault}", policy.after))
    if observation.delivery_fault:
        found.append(Condition("delivery", f"no mail gets out: {observation.delivery_fault}", policy.after))
    if observation.configuration_fault:
        problem, *others = observation.configuration_fault.splitlines()
        more = f" (and {len(others)} more)" if others else ""
        summary = f"the changed configuration is refused, the last good one is in force: {problem}{more}"
        found.append(Condition("configuration", summary, policy.after))
    found += [_of_relay(circuit, policy) for circuit in observation.relays]
    if observation.clearance is not None:
        found += _of_clearance(observation.clearance, policy)
    for name, fault in sorted(observation.reader_faults.items()):
        if fault:
            found.append(Condition(f"{OF_READER}{name}", f"what comes back is not read: {fault}", policy.after))
    found += [_of_webhook(each, policy) for each in observation.webhooks if each.failures]
    if said := _of_sums(observation):
        found.append(Condition("sums", said))
    return found


def _of_relay(circuit: Circuit, policy: AlertPolicy) -> Condition:
    """Return that a relay is left alone: told at once where it refuses our mail, for no time mends that."""
    sayings = {
        CircuitCause.UNREACHABLE: "cannot be reached or fails",
        CircuitCause.THROTTLED: "asks us to slow down",
        CircuitCause.POLICY: "refuses our mail, and is left alone until you mend that (`newsletter relays reset`)",
    }
    after = timedelta() if circuit.cause is CircuitCause.POLICY else policy.after
    return Condition(
        f"relay:{circuit.name}", f"the relay {circuit.name} {sayings[circuit.cause]}: {circuit.reason}", after
    )


def _of_webhook(standing: WebhookStanding, policy: AlertPolicy) -> Condition:
    since = f" since {standing.failing_since:%Y-%m-%d %H:%M} UTC" if standing.failing_since else ""
    said = f"the webhook {standing.name} has taken nothing{since}, {standing.waiting} events wait: {standing.fault}"
    return Condition(f"webhook:{standing.name}", said, policy.after)


def _of_clearance(clearance: Clearance, policy: AlertPolicy) -> list[Condition]:
    found = [Condition(f"paused:{pause.scope}:{pause.name}", described(pause), policy.paused_for)
             for pause in clearance.pauses]  # fmt: skip
    return [Condition("sealed", clearance.refusal, policy.after), *found] if clearance.is_sealed else found


def _of_sums(observation: Observation) -> str:
    if observation.sums_fault or not observation.unaccounted:
        return observation.sums_fault
    return f"the sums of a delivery run do not close: {observation.unaccounted} outcomes could not be recorded"


def unseen(known: Iterable[Alert], observation: Observation) -> list[Condition]:
    """Return the conditions that only the store could show to be over, while it cannot be asked: they last."""
    if observation.sources is not None:
        return []
    never = timedelta.max  # nobody is told anew of what nobody can see
    return [
        Condition(alert.condition, alert.summary, never)
        for alert in known
        if alert.condition == QUEUE or alert.condition.startswith(OF_SOURCE)
    ]


def follow(
    known: Mapping[str, Alert], conditions: Iterable[Condition], channel: str, now: datetime
) -> tuple[dict[str, Alert], list[Notice]]:
    """Return what is to be remembered for ``channel``, by condition, and what is to be told there now."""
    kept: dict[str, Alert] = {}
    notices = []
    for condition in conditions:
        alert = known.get(condition.name) or Alert(condition.name, channel, condition.summary, now)
        kept[condition.name] = replace(alert, summary=condition.summary, calm_since=None)
        if alert.announced_at is None and now - alert.since >= condition.after:
            notices.append(Notice(condition.name, condition.summary, alert.since))
    for name, alert in known.items():
        if name in kept or alert.announced_at is None:  # what was never told ends without a word
            continue
        kept[name] = replace(alert, calm_since=alert.calm_since or now)
        if now - (alert.calm_since or now) >= CALM:
            notices.append(Notice(name, alert.summary, alert.since, is_over=True))
    return kept, notices


def told(kept: Mapping[str, Alert], notices: Iterable[Notice], now: datetime) -> dict[str, Alert]:
    """Return what is to be remembered once ``notices`` have been told."""
    after = dict(kept)
    for notice in notices:
        if notice.is_over:
            del after[notice.condition]
        else:
            after[notice.condition] = replace(after[notice.condition], announced_at=now)
    return after


def duration(length: timedelta) -> str:
    """Return a length of time as people say it, in its two largest units, e.g. ``2 hours 5 minutes``."""
    minutes = max(int(length.total_seconds()) // 60, 0)
    units = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    said = [f"{count} {unit}" + ("s" if count > 1 else "") for count, unit in units if count]
    return " ".join(said[:2]) or "less than a minute"


def _of_source(state: SourceState, after: timedelta) -> Condition:
    said = f": {state.fault.message}" if state.fault else ""
    newest = f" since {state.last_new_paper_at:%Y-%m-%d}" if state.last_new_paper_at else ""
    sayings = {
        Health.BROKEN: f"cannot be read{said}",
        Health.THROTTLED: f"asks us to wait{said}",
        Health.STALE: f"has had nothing new{newest}",
    }
    return Condition(f"{OF_SOURCE}{state.name}", f"the source {state.name} {sayings[state.health]}", after)
