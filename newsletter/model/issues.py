"""What became of the mails of an issue, added up."""

from __future__ import annotations

import enum
from collections.abc import Mapping  # noqa: TC003 (fields are read at run time)
from dataclasses import dataclass
from datetime import date  # noqa: TC003 (fields are read at run time)

from newsletter.model.deliveries import DeliveryState


@dataclass(frozen=True, slots=True)
class IssueSums:
    """The mails of one issue date: how many were planned, counted as they were, and where they are now.

    ``states`` holds how many are in each state, those without any left out. ``forgotten`` went with their subscribers,
    who were removed.
    """

    issue_date: date
    planned: int
    forgotten: int
    states: Mapping[DeliveryState, int]

    def __getitem__(self, state: DeliveryState) -> int:
        return self.states.get(state, 0)

    @property
    def in_flight(self) -> int:
        """How many wait for their first attempt, or are in the middle of one."""
        return self[DeliveryState.PLANNED] + self[DeliveryState.SENDING]

    @property
    def difference(self) -> int:
        """How many of those planned are nowhere; negative when there are more than were planned, 0 when it closes."""
        return self.planned - self.forgotten - sum(self.states.values())

    @property
    def is_closed(self) -> bool:
        """Whether it adds up."""
        return self.difference == 0


class Aspect(enum.StrEnum):
    """By what the mails of an issue can be told apart."""

    KIND = "kind"
    RELAY = "relay"
    PROFILE = "profile"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Share:
    """How many deliveries of one value of an aspect are in one state; ``doubtful`` of them may have arrived."""

    value: str
    state: DeliveryState
    count: int
    doubtful: int = 0


class Flaw(enum.StrEnum):
    """A way in which the ledger may contradict itself."""

    NOT_ACCEPTED = "accepted without an attempt that was"
    MISCOUNTED = "with other attempts than are stored"
    LEASED = "final, and still under a lease or waiting"
    HOLDS_PAPERS = "that came to nothing and still holds papers"
    FOREIGN_PAPERS = "with papers in the ledger for another subscriber"
    NOT_COUNTED = "of an issue that was never counted"


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """Deliveries that show a flaw: how many, and the first of their ids."""

    flaw: Flaw
    count: int
    examples: tuple[int, ...]
