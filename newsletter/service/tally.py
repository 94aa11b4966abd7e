"""What a delivery run came to, counted as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import DeliveryState

PROBLEM_LIMIT: Final = 20


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """What a run did. Every delivery that was begun (``planned``) ends in exactly one of the six sums after it.

    ``unknown`` may have arrived and are not tried again; ``doubtful`` may have arrived too (lost after the final dot)
    and are among the deferred, ``bounced`` (address marked as bad) among the rejected. ``released`` were claimed and
    given back unbegun, ``held`` wait for the end of a profile's pause, ``postponed`` for a limit or a domain that is
    left alone. ``fault`` tells why nothing can go at all, ``problems`` what in our own templates needs mending.
    ``refusal`` tells why nothing (more) may be sent: the store is sealed, or sending is paused. ``waits_until`` is when
    a limit lets the next mail go, ``waits_for`` which.
    """

    planned: int = 0
    accepted: int = 0
    deferred: int = 0
    rejected: int = 0
    suppressed: int = 0
    expired: int = 0
    unknown: int = 0
    doubtful: int = 0
    bounced: int = 0
    released: int = 0
    held: int = 0
    postponed: int = 0
    fault: str | None = None
    problems: tuple[str, ...] = ()
    refusal: str = ""
    waits_until: datetime | None = None
    waits_for: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether the sums add up; when they do not, an outcome could not be recorded."""
        return self.unaccounted == 0

    @property
    def unaccounted(self) -> int:
        """How many of those that were begun are in none of the sums."""
        return self.planned - self.ended

    @property
    def ended(self) -> int:
        """How many have come to something that is recorded."""
        return self.accepted + self.deferred + self.rejected + self.suppressed + self.expired + self.unknown


@dataclass(slots=True)
class Tally:
    """Counts while a run goes on."""

    planned: int = 0
    doubtful: int = 0
    bounced: int = 0
    released: int = 0
    held: int = 0
    postponed: int = 0
    fault: str | None = None
    waits_until: datetime | None = None
    waits_for: str = ""
    states: dict[DeliveryState, int] = field(default_factory=dict)
    refusal: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing can go any more in this run."""
        return self.fault is not None or self.waits_until is not None

    def add(self, state: DeliveryState) -> None:
        """Count a delivery that has been recorded."""
        self.states[state] = self.states.get(state, 0) + 1

    def note(self, problem: str) -> None:
        """Keep a problem once; beyond some, the rest would say no more."""
        if problem not in self.problems and len(self.problems) < PROBLEM_LIMIT:
            self.problems.append(problem)

    def counts(self) -> DeliveryCounts:
        """Return the counts as they stand."""
        sums: dict[str, Any] = {str(state): number for state, number in self.states.items()}
        plain = DeliveryCounts(self.planned, doubtful=self.doubtful, bounced=self.bounced, released=self.released)
        plain = replace(plain, postponed=self.postponed, waits_until=self.waits_until, waits_for=self.waits_for)
        return replace(
            plain, fault=self.fault, problems=tuple(self.problems), refusal=self.refusal, held=self.held, **sums
        )
