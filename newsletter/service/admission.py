"""What a sender asks before it sends: by which relay, and whether now. It takes the tokens, and learns from answers.

Circuits are read from the store every second at most, and written when one opens or closes; tokens are taken for all
senders that ask in one transaction. Where no limit is configured and every relay takes mail, nothing is written at all.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from newsletter.core.circuits import (
    PROBE_TIME,
    Streak,
    after,
    after_at_domain,
    closed_until,
    due,
    failed,
    is_over,
    may_probe,
    opened,
)
from newsletter.core.limits import LENGTHS, available_at, left
from newsletter.core.routing import PATIENCE, Chosen, Closed, Hindrance, View, choose
from newsletter.model import Bucket, CircuitScope, Shortage
from newsletter.service.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from newsletter.core.routing import Fleet
    from newsletter.model import Circuit, CircuitCause, Delivery, Limit, Outcome
    from newsletter.ports import LimitStore

    Key = tuple[CircuitScope, str]

logger = structlog.get_logger(__name__)

LOOKS_EVERY: Final = timedelta(seconds=1)
SOON: Final = timedelta(seconds=30)  # what will have gone within it may be claimed
PAUSED_FOR: Final = timedelta(minutes=1)  # then it is looked again whether somebody still wants it paused
FEW_IN_A_ROW: Final = 3


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to send one mail by ``relay`` now; it is given back with what came of it. ``probes`` are what it tries."""

    relay: str
    domain: str
    probes: tuple[tuple[CircuitScope, str], ...] = ()


class Admission:
    """Gives leave to send; one per process and configuration, kept from run to run."""

    def __init__(
        self, store: LimitStore, fleet: Fleet, now: Callable[[], datetime], patience: timedelta = PATIENCE
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._now = now
        self._patience = patience
        self._circuits: dict[Key, Circuit] = {}
        self._looked_at: datetime | None = None
        self._looking = asyncio.Lock()
        self._paused: frozenset[str] = frozenset()
        self._short: dict[str, Closed] = {}  # by "relay:NAME" or "domain:NAME"
        self._streaks: dict[str, Streak] = defaultdict(Streak)
        self._domain_streaks: Counter[str] = Counter()
        self._slots = {relay.name: asyncio.Semaphore(relay.connections) for relay in fleet.relays}
        self._open: Counter[str] = Counter()  # mails under way, by recipient domain
        self._several = max(fleet.connections, FEW_IN_A_ROW)
        self._taking: Together[tuple[Limit, ...], Shortage | None] = Together(self._take)
        self._trying = 0
        self.changed = asyncio.Event()  # set when a mail has ended, for those who wait for its place

    # --- What is known ------------------------------------------------------------------------------------------------

    async def look(self, *, is_forced: bool = False) -> None:
        """Read the circuits, unless that was done within the last second."""
        async with self._looking:  # of many senders that ask at the same moment, one looks
            now = self._now()
            # A clock that was put back must not make an old answer last.
            if is_forced or self._looked_at is None or not timedelta() <= now - self._looked_at < LOOKS_EVERY:
                self._circuits = {(each.scope, each.name): each for each in await self._store.circuits()}
                self._looked_at = now

    async def try_again(self, relays: Collection[str] | None = None) -> None:
        """Let one mail try each of these relays (None: all) that is left alone now, however long it still would be."""
        await self.look(is_forced=True)
        left_alone = [key for key in self._circuits if key[0] is CircuitScope.RELAY]
        for key in [key for key in left_alone if relays is None or key[1] in relays]:
            await self._turn(key, lambda before: before and due(before, self._now()))

    def pause(self, relays: frozenset[str]) -> None:
        """Note which relays an operator has paused."""
        self._paused = relays

    def is_busy(self, domain: str) -> bool:
        """Whether as many mails to a domain are under way as may be."""
        most = self._fleet.of_domain(domain).connections if self._fleet.domains else None
        return most is not None and self._open[domain] >= most

    def closed_relays(self) -> Collection[str]:
        """Return the relays that are known to take no mail now."""
        return self._view(self._now()).closed.keys()

    @property
    def is_trying(self) -> bool:
        """Whether a mail of ours is trying a relay that was closed."""
        return self._trying > 0

    def can_go(self, domain: str, without: str) -> bool:
        """Whether, as far as is known, a mail to a domain could go now by another relay than this one."""
        now = self._now()
        if self._closed_domain(domain, now) is not None:
            return False
        others = [relay for relay in self._fleet.relays if relay.name != without]
        return isinstance(choose(others, self._view(now), domain, "", now, self._patience), Chosen)

    def whole(self) -> Closed | None:
        """Return until when and why no relay takes any mail, as far as is known; None when one does."""
        view = self._view(self._now())
        return self._whole(view) if len(view.closed) == len(self._fleet.relays) else None

    async def outlook(self, most: int) -> int | Closed:
        """Return how many of ``most`` deliveries may be claimed now, or until when and why no relay takes any."""
        await self.look()
        now = self._now()
        room = await self._room(now)
        view = self._view(now)
        open_ones = [relay.name for relay in self._fleet.relays if relay.name not in view.closed]
        if not open_ones:
            return self._whole(view)
        if view.probing.issuperset(open_ones):  # each takes one mail, and the others wait for what comes of it
            return min(most, len(open_ones))
        return min(most, max(sum(room.get(name, most) for name in open_ones), 1))

    async def _room(self, now: datetime) -> dict[str, int]:
        """Return how many mails each relay that has limits takes soon, and note which have no token left."""
        limits = {relay.name: relay.limits_on(now.date()) for relay in self._fleet.relays}
        names = [limit.bucket for each in limits.values() for limit in each]
        if not names:
            return {}
        buckets = await self._store.buckets(names)
        room = {}
        for name, each in limits.items():
            found = [(limit, buckets.get(limit.bucket, Bucket())) for limit in each]
            for limit, bucket in found:
                if (until := available_at(bucket, limit, now)) > now:
                    self._run_short(Shortage(limit.bucket, until), found)
            if found:
                room[name] = min(
                    left(bucket, limit, now) + limit.most * (SOON // LENGTHS[limit.window]) for limit, bucket in found
                )
        return room

    def _whole(self, view: View) -> Closed:
        """Return why no relay takes mail: the first that will, and what is said of all of them."""
        first = min(view.closed.values(), key=lambda each: each.until)
        if all(each.hindrance is Hindrance.CIRCUIT for each in view.closed.values()):
            said = "; ".join(f"{name}: {each.reason}" for name, each in view.closed.items())
            return replace(first, reason=first.reason if len(view.closed) == 1 else said)
        gentle = [each for each in view.closed.values() if each.hindrance is not Hindrance.CIRCUIT]
        return replace(first, hindrance=gentle[0].hindrance, reason=gentle[0].reason)

    def _view(self, now: datetime) -> View:
        closed: dict[str, Closed] = {}
        probing = set()
        for relay in self._fleet.relays:
            circuit = self._circuits.get((CircuitScope.RELAY, relay.name))
            name = f"relay:{relay.name}"
            short = self._shortage(name, now)
            if relay.name in self._paused:
                closed[relay.name] = Closed(now + PAUSED_FOR, Hindrance.PAUSE, "it is paused", name=name)
            elif circuit is not None and not may_probe(circuit, now):
                closed[relay.name] = _left_alone(circuit, now)
            elif short is not None:
                closed[relay.name] = short
            elif circuit is not None:
                probing.add(relay.name)
        return View(closed, frozenset(probing))

    def _closed_domain(self, domain: str, now: datetime) -> Closed | None:
        circuit = self._circuits.get((CircuitScope.DOMAIN, domain))
        if circuit is not None and not may_probe(circuit, now):
            return _left_alone(circuit, now)
        return self._shortage(f"domain:{domain}", now)

    def _shortage(self, name: str, now: datetime) -> Closed | None:
        short = self._short.get(name)
        if short is not None and short.until <= now:
            del self._short[name]
            return None
        return short

    def _run_short(self, shortage: Shortage, buckets: Sequence[tuple[Limit, Bucket]]) -> None:
        reason, name = f"a limit is reached: {shortage.bucket}", owner_of(shortage.bucket)
        self._short[name] = Closed(shortage.until, Hindrance.LIMIT, reason, tuple(buckets), name)

    # --- Leave --------------------------------------------------------------------------------------------------------

    async def admit(self, delivery: Delivery, domain: str) -> Ticket | Closed:
        """Return leave to send a delivery now, or until when it waits. A relay's connections are waited for."""
        while True:
            await self.look()
            now = self._now()
            closed = self._closed_domain(domain, now)
            if closed is not None:
                return closed
            seed = f"{delivery.id}:{delivery.attempts}"
            choice = choose(self._fleet.relays, self._view(now), domain, seed, now, self._patience)
            if isinstance(choice, Closed):
                return choice
            ticket = await self._enter(choice, domain)
            if ticket is not None:
                return ticket
            # Somebody was faster, or the last token has gone: with what is known now, another choice is made.

    async def _enter(self, choice: Chosen, domain: str) -> Ticket | None:
        """Take a place on the relay, the right to try what was closed, and the tokens; None, with none of it kept."""
        slot = self._slots[choice.relay]
        has_waited = slot.locked()
        await slot.acquire()
        if has_waited and choice.relay in self._view(self._now()).closed:
            slot.release()  # it was closed while we waited for its connection
            return None
        self._open[domain] += 1
        ticket = Ticket(choice.relay, domain)
        is_kept = False
        try:
            probing = await self._begin_probes(ticket)
            is_kept = probing is not None and await self._has_tokens(probing)
            if probing is not None and not is_kept:
                await self._end_probes(probing)
        finally:
            if not is_kept:
                self._leave(ticket)
        return probing if is_kept else None

    async def _begin_probes(self, ticket: Ticket) -> Ticket | None:
        """Return the ticket with what it is to try; None when somebody else is trying that already."""
        for key in ((CircuitScope.RELAY, ticket.relay), (CircuitScope.DOMAIN, ticket.domain)):
            circuit, now = self._circuits.get(key), self._now()
            if circuit is None:
                continue
            until = now + PROBE_TIME
            if not may_probe(circuit, now) or not await self._store.begin_probe(*key, until, now):
                await self.look(is_forced=True)
                await self._end_probes(ticket)
                return None
            self._circuits[key] = replace(circuit, probe_until=until)
            self._trying += key[0] is CircuitScope.RELAY
            ticket = replace(ticket, probes=(*ticket.probes, key))
        return ticket

    async def _has_tokens(self, ticket: Ticket) -> bool:
        limits = self._fleet.limits(ticket.relay, ticket.domain, self._now().date())
        shortage = await self._taking.ask(limits) if limits else None
        if shortage is None:
            return True
        name = owner_of(shortage.bucket)
        concerned = [limit for limit in limits if owner_of(limit.bucket) == name]
        buckets = await self._store.buckets([limit.bucket for limit in concerned])
        self._run_short(shortage, [(limit, buckets.get(limit.bucket, Bucket())) for limit in concerned])
        return False

    async def _take(self, requests: list[tuple[Limit, ...]]) -> list[Shortage | None]:
        return await self._store.take(requests, self._now())

    # --- What came of it ----------------------------------------------------------------------------------------------

    async def settle(self, ticket: Ticket, outcome: Outcome | None) -> None:
        """Give leave back, with what came of it: None when nothing was sent. Opens and closes circuits."""
        if outcome is None:
            self._leave(ticket)
            await self._end_probes(ticket)
            return
        try:
            await self._learn(ticket, outcome)
        finally:
            self._trying -= sum(scope is CircuitScope.RELAY for scope, _ in ticket.probes)
            self._leave(ticket)

    async def _learn(self, ticket: Ticket, outcome: Outcome) -> None:
        streak, cause = after(self._streaks[ticket.relay], outcome, self._several)
        self._streaks[ticket.relay] = streak
        await self._conclude(ticket, (CircuitScope.RELAY, ticket.relay), outcome, cause)
        number, cause = after_at_domain(self._domain_streaks[ticket.domain], outcome, self._several)
        self._domain_streaks[ticket.domain] = number
        if not number:
            del self._domain_streaks[ticket.domain]
        await self._conclude(ticket, (CircuitScope.DOMAIN, ticket.domain), outcome, cause)

    def _leave(self, ticket: Ticket) -> None:
        self._slots[ticket.relay].release()
        self._open[ticket.domain] -= 1
        if not self._open[ticket.domain]:
            del self._open[ticket.domain]
        self.changed.set()

    async def _end_probes(self, ticket: Ticket) -> None:
        for key in ticket.probes:
            self._trying -= key[0] is CircuitScope.RELAY
            await self._turn(key, lambda before: before and replace(before, probe_until=None))

    async def _conclude(self, ticket: Ticket, key: Key, outcome: Outcome, cause: CircuitCause | None) -> None:
        """Open the circuit for ``cause``; or close it, or let another try, when this mail has tried."""
        was_probe = key in ticket.probes
        if cause is not None:
            now = self._now()
            reason = f"{outcome.code} {outcome.text}" if outcome.code else outcome.text
            await self._turn(
                key, lambda before: failed(before, opened(before, *key, cause, reason, now), now, was_probe=was_probe)
            )
        elif was_probe:
            await self._turn(key, lambda before: _tried(before, outcome))

    async def _turn(self, key: Key, turn: Callable[[Circuit | None], Circuit | None]) -> None:
        before = self._circuits.get(key)
        after_turn = await self._store.turn_circuit(*key, turn)
        if after_turn is not None:
            self._circuits[key] = after_turn
        else:
            self._circuits.pop(key, None)
        _log(key, before, after_turn)


def owner_of(bucket: str) -> str:
    """Return whose bucket it is: ``relay:NAME`` or ``domain:NAME``."""
    return bucket.rpartition(":")[0]


def _left_alone(circuit: Circuit, now: datetime) -> Closed:
    name = f"{circuit.scope}:{circuit.name}"
    return Closed(closed_until(circuit, now), Hindrance.CIRCUIT, circuit.reason, name=name)


def _tried(before: Circuit | None, outcome: Outcome) -> Circuit | None:
    """Return the circuit after a mail that tried it, and failed for no reason of its own."""
    if before is None or is_over(before, outcome):
        return None
    return replace(before, probe_until=None)


def _log(key: Key, before: Circuit | None, after_turn: Circuit | None) -> None:
    """Tell what has opened, closed, or failed again; domains are told as well: they are no one's address."""
    if after_turn is None:
        if before is not None:
            logger.warning("circuit.closed", scope=str(key[0]), name=key[1], failures=before.failures)
    elif before is None or after_turn.failures != before.failures:
        logger.warning(
            "circuit.opened",
            scope=str(key[0]),
            name=key[1],
            cause=str(after_turn.cause),
            failures=after_turn.failures,
            retry_at=after_turn.retry_at.isoformat(),
            reason=after_turn.reason,
        )
