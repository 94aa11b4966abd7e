"""Whether every mail is accounted for: what the ledger says, held against what the mail server wrote down."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.model import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from newsletter.store.sql import SqlStore
    from tests.support.journal import Acceptance

SOON_S = 30.0  # a mail and the cut that doubled it lie no further apart


@dataclass(frozen=True, slots=True)
class Cut:
    """A moment at which connections ended in the middle: a kill. ``ports`` are the client's of those that were open."""

    at_s: float
    ports: frozenset[int]


@dataclass(frozen=True, slots=True)
class Promise:
    """A delivery as the ledger has it."""

    message_id: str
    recipient: str
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the mails of a run. ``lost`` are those of which the ledger says that they were accepted although
    no server ever took them; ``unrecorded`` were taken, and the ledger says that they were not.

    ``doubled`` counts each acceptance after a mail's first. It is ``unexplained`` when its connection was not cut, or
    went on after it; ``other_ids`` are recipients who got mails under different Message-IDs.
    """

    mails: int
    lost: int = 0
    unrecorded: int = 0
    doubled: int = 0
    unexplained: int = 0
    other_ids: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    adds_up: bool = True

    def broken(self, states: Collection[str] = ("accepted",), most_doubled: int | None = 0) -> list[str]:
        """Return the promises that were broken, as sentences; every mail must have come to one of ``states``."""
        others = {state: number for state, number in self.states.items() if state not in states}
        found = {
            f"{self.lost} mails were lost": self.lost,
            f"{self.unrecorded} mails were accepted, and the ledger says that they were not": self.unrecorded,
            f"{self.other_ids} recipients got mails under different Message-IDs": self.other_ids,
            f"{self.mails - sum(self.states.values())} mails are not in the ledger": (
                self.mails != sum(self.states.values())
            ),
            f"mails came to nothing: {others}": bool(others),
            f"{self.doubled} mails came twice, and at most {most_doubled} may": (
                most_doubled is not None and self.doubled > most_doubled
            ),
            "the report does not add up": not self.adds_up,
        }
        return [sentence for sentence, is_broken in found.items() if is_broken]


def judge(
    promises: Sequence[Promise], acceptances: Sequence[Acceptance], cuts: Iterable[Cut] = (), *, adds_up: bool = True
) -> Verdict:
    """Hold the ledger against the server's journal."""
    taken = Counter(each.message_id for each in acceptances)
    ids: dict[str, set[str]] = defaultdict(set)
    for each in acceptances:
        ids[each.recipient].add(each.message_id)
    may_have_arrived = (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN)
    return Verdict(
        mails=len(promises),
        lost=sum(each.state is DeliveryState.ACCEPTED and not taken[each.message_id] for each in promises),
        unrecorded=sum(each.state not in may_have_arrived and taken[each.message_id] > 0 for each in promises),
        doubled=sum(taken.values()) - len(taken),
        unexplained=len(_unexplained(acceptances, list(cuts))),
        other_ids=sum(len(each) > 1 for each in ids.values()),
        states=dict(Counter(each.state.value for each in promises)),
        adds_up=adds_up,
    )


def _unexplained(acceptances: Sequence[Acceptance], cuts: Sequence[Cut]) -> list[Acceptance]:
    """Return the acceptances that were followed by another of the same mail although no cut kept us from hearing."""
    last_of_mail = {each.message_id: each for each in acceptances}
    last_on_connection = {each.connection: each for each in acceptances}
    repeated = [each for each in acceptances if last_of_mail[each.message_id] is not each]
    return [
        each
        for each in repeated
        if last_on_connection[each.connection] is not each
        or not any(each.port in cut.ports and abs(each.at_s - cut.at_s) < SOON_S for cut in cuts)
    ]


async def promises_of(store: SqlStore) -> list[Promise]:
    """Return every delivery in a store."""
    addresses = {person.id: person.address.wire for person in await store.list_subscribers()}
    found = await store.list_deliveries(limit=10**9)
    return [Promise(each.message_id, addresses[each.subscriber_id], each.state) for each in found]
