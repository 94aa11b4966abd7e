"""What a run has claimed and not yet begun: in order, but for what must wait a moment, which holds up nobody else."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from newsletter.model import ClaimedDelivery


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed delivery, and since when it is ours."""

    claimed: ClaimedDelivery
    at: datetime

    @property
    def domain(self) -> str:
        """The recipient's domain."""
        return self.claimed.subscriber.address.wire.rpartition("@")[2]


class Shelf:
    """Claims in the order in which they may be begun.

    ``is_busy`` tells whether as many mails to a domain are under way as may be: its claims wait beside the others.
    """

    def __init__(self, is_busy: Callable[[str], bool]) -> None:
        self._is_busy = is_busy
        self._queue: deque[Claim] = deque()
        self._later: list[tuple[datetime, int, Claim]] = []
        self._held: dict[str, deque[Claim]] = {}
        self._number = 0  # keeps those that wait until the same moment in order

    def __len__(self) -> int:
        return len(self._queue) + len(self._later) + sum(len(held) for held in self._held.values())

    def __iter__(self) -> Iterator[Claim]:
        """Return all claims, in no order."""
        yield from self._queue
        yield from (claim for _, _, claim in self._later)
        for held in self._held.values():
            yield from held

    def put(self, claims: Iterable[Claim]) -> None:
        """Add claims at the end."""
        self._queue.extend(claims)

    def put_back(self, claim: Claim) -> None:
        """Put a claim that could not be begun in front again."""
        self._queue.appendleft(claim)

    def put_aside(self, claim: Claim, until: datetime) -> None:
        """Let a claim wait until then."""
        self._number += 1
        heapq.heappush(self._later, (until, self._number, claim))

    def clear(self) -> None:
        """Let go of all claims."""
        for part in (self._queue, self._later, self._held):
            part.clear()

    def pop(self, now: datetime) -> Claim | None:
        """Return the next that may be begun at ``now``; None when all there are must wait."""
        for domain, held in list(self._held.items()):
            if not self._is_busy(domain):
                claim = held.popleft()
                if not held:
                    del self._held[domain]
                return claim
        while self._queue or (self._later and self._later[0][0] <= now):
            is_late = self._later and self._later[0][0] <= now
            claim = heapq.heappop(self._later)[2] if is_late else self._queue.popleft()
            if not self._is_busy(claim.domain):
                return claim
            self._held.setdefault(claim.domain, deque()).append(claim)
        return None

    def next_at(self) -> datetime | None:
        """Return when the first of those that wait for a time may go."""
        return self._later[0][0] if self._later else None

    def take_held(self, keep: int) -> list[Claim]:
        """Return all but the first ``keep`` claims that wait for a busy domain, and let go of them."""
        taken = []
        for held in self._held.values():
            while len(held) > keep:
                taken.append(held.pop())
        return taken
