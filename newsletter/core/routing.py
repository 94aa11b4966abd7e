"""Which relay takes a delivery, or until when it waits: from what is configured and what is known of each relay.

Relays are asked in this order. First those that name the recipient's domain, then those that name none; among them by
priority, the lowest number first; among equals by weight, drawn for each delivery and attempt, equally on every call.
A relay that is closed by its circuit, paused, or out of tokens for longer than a few seconds is passed over for the
next priority; for a shorter shortage the delivery waits, so that a second's limit does not drive mail to another relay.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from newsletter.core.limits import available_at, ramp
from newsletter.core.retry import fraction
from newsletter.model import Bucket, Limit, Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

PATIENCE: Final = timedelta(seconds=5)
FAR: Final = timedelta(days=1)  # how long to wait where nobody can say: asked again at every run anyway
USUAL_CONNECTIONS: Final = 4
LONGEST: Final = timedelta(minutes=10)  # a mail is put back for: limits may be raised, relays come back
SPACING: Final = timedelta(milliseconds=20)  # of those that waited for the same moment
OTHERS: Final = "*"


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How many mails a new relay carries on its first day, and by how much that grows each day."""

    starts_on: date
    first_day: int
    growth: float = 1.5


@dataclass(frozen=True, slots=True)
class RelayPlan:
    """One relay as its operator wants it used; ``domains`` are patterns (``example.org``, ``*.example.org``)."""

    name: str = "relay"
    priority: int = 0
    weight: float = 1.0
    domains: tuple[str, ...] = ()
    connections: int = USUAL_CONNECTIONS
    limits: Mapping[Window, int] = field(default_factory=dict)
    warm_up: WarmUp | None = None

    def limits_on(self, today: date) -> tuple[Limit, ...]:
        """Return what holds on a day (UTC): the limits, the day's no higher than the ramp has come."""
        most = dict(self.limits)
        if self.warm_up is not None:
            warm = ramp(self.warm_up.first_day, self.warm_up.growth, self.warm_up.starts_on, today)
            if warm is not None:
                most[Window.DAY] = min(warm, most.get(Window.DAY, warm))
        return limits_of("relay", self.name, most)


@dataclass(frozen=True, slots=True)
class DomainPlan:
    """How a recipient domain is treated, over all relays; ``connections`` is None when any number may be open."""

    connections: int | None = None
    limits: Mapping[Window, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The relays, and how recipient domains are treated: by name, by pattern, or ``*`` for each of the others."""

    relays: tuple[RelayPlan, ...] = (RelayPlan(),)
    domains: Mapping[str, DomainPlan] = field(default_factory=dict)

    @property
    def connections(self) -> int:
        """How many mails may be under way at one time."""
        return sum(relay.connections for relay in self.relays)

    def of_domain(self, domain: str) -> DomainPlan:
        """Return how a domain is treated; the longest pattern that fits it decides."""
        fitting = [name for name in self.domains if fits(domain, name)]
        return self.domains[max(fitting, key=len)] if fitting else DomainPlan()

    def limits(self, relay: str, domain: str, today: date) -> tuple[Limit, ...]:
        """Return every limit that a mail to ``domain`` through ``relay`` counts against."""
        [plan] = [each for each in self.relays if each.name == relay]
        return plan.limits_on(today) + self.limits_of_domain(domain)

    def limits_of_domain(self, domain: str) -> tuple[Limit, ...]:
        """Return every limit that a mail to ``domain`` counts against, by whatever relay it goes."""
        return limits_of("domain", domain, self.of_domain(domain).limits)


class Hindrance(enum.StrEnum):
    """Why a relay takes no mail now."""

    CIRCUIT = "circuit"
    PAUSE = "pause"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Closed:
    """A relay or domain that takes no mail until then, and why, for a person.

    ``buckets`` are the limits that keep it closed, where it is they, with their buckets. ``name`` says whose they are;
    ``others`` are closed as well, and would do in its place.
    """

    until: datetime
    hindrance: Hindrance
    reason: str
    buckets: tuple[tuple[Limit, Bucket], ...] = ()
    name: str = ""
    others: tuple[Closed, ...] = ()

    def turn_of(self, number: int, now: datetime) -> datetime:
        """Return when the ``number``-th of those that wait has its turn, counted from 1."""
        times = [available_at(bucket, limit, now, number) for limit, bucket in self.buckets]
        return max([self.until + (number - 1) * SPACING, *times])


class Turns:
    """When each of the mails that are put back has its turn, so that about as many come back at a time as may go.

    None is put back for longer than :data:`LONGEST`: what is known now may not hold for hours.
    """

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def next(self, closed: Closed, now: datetime) -> datetime:
        """Return when the next mail that waits for ``closed``, or for what would do in its place, has its turn."""
        ways = (closed, *closed.others)
        at, index = min((way.turn_of(self._given[way.name] + 1, now), index) for index, way in enumerate(ways))
        self._given[ways[index].name] += 1
        return min(at, now + LONGEST)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The relay to take; ``must_probe`` when this mail is the one that tries whether it takes mail again."""

    relay: str
    must_probe: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What is known at one moment: relays that are closed, and relays that one mail may try."""

    closed: Mapping[str, Closed] = field(default_factory=dict)
    probing: frozenset[str] = frozenset()


def choose(
    relays: Sequence[RelayPlan], view: View, domain: str, seed: str, now: datetime, patience: timedelta = PATIENCE
) -> Chosen | Closed:
    """Return the relay that takes a mail to ``domain``, or until when it waits; ``seed`` names delivery and attempt.

    A shortage that ends within ``patience`` is waited for instead of asking relays of a lower rank.
    """
    hindrances = []
    for tier in tiers(relays, domain):
        ordered = by_weight(tier, seed)
        for relay in ordered:
            if relay.name in view.probing:
                return Chosen(relay.name, must_probe=True)
            if relay.name not in view.closed:
                return Chosen(relay.name)
        closed = [view.closed[relay.name] for relay in ordered]
        brief = [each for each in closed if each.hindrance is Hindrance.LIMIT and each.until - now <= patience]
        if brief:
            return first_of(brief)
        hindrances += closed
    if not hindrances:
        return Closed(now + FAR, Hindrance.PAUSE, f"no relay is for {domain}: each of mail.relays names other domains")
    return first_of(hindrances)


def first_of(closed: Sequence[Closed]) -> Closed:
    """Return the one that opens first, with the others beside it."""
    first, *others = sorted(closed, key=lambda each: each.until)
    return replace(first, others=tuple(others))


def tiers(relays: Sequence[RelayPlan], domain: str) -> list[list[RelayPlan]]:
    """Return the relays that may carry mail to ``domain``, those asked first in front, equals together."""
    ranked: dict[tuple[bool, int], list[RelayPlan]] = {}
    for relay in relays:
        if not relay.domains or any(fits(domain, pattern) for pattern in relay.domains):
            ranked.setdefault((not relay.domains, relay.priority), []).append(relay)
    return [ranked[rank] for rank in sorted(ranked)]


def by_weight(relays: Sequence[RelayPlan], seed: str) -> list[RelayPlan]:
    """Return the relays in an order drawn by weight: each is first as often as its share of the weights.

    Weighted rendezvous: a relay that comes or goes moves no delivery between two others.
    """
    if len(relays) == 1:
        return list(relays)
    return sorted(relays, key=lambda relay: -math.log(1 - fraction(f"{seed}:{relay.name}")) / relay.weight)


def fits(domain: str, pattern: str) -> bool:
    """Whether a pattern is for a domain: its name, ``*.name`` for every domain below it, or ``*`` for all."""
    return fnmatchcase(domain, pattern) if "*" in pattern else domain == pattern


def limits_of(kind: str, name: str, most: Mapping[Window, int]) -> tuple[Limit, ...]:
    """Return the limits of a relay or domain, each with its bucket."""
    return tuple(Limit(f"{kind}:{name}:{window}", window, number) for window, number in sorted(most.items()))
