"""Where it is kept what may go: tokens, and relays and domains that are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from newsletter.model import Bucket, Circuit, CircuitScope, Limit, Shortage


class LimitStore(Protocol):
    """Limits and circuits, shared by every process that sends from this store, and kept over restarts."""

    async def take(self, requests: Sequence[Sequence[Limit]], now: datetime) -> list[Shortage | None]:
        """Take a token of each limit of a request, or none of them; return for each request None, or what is short.

        However many ask at the same time, no more are given than there are. Nothing is written when nothing is taken.
        """

    async def buckets(self, names: Collection[str]) -> dict[str, Bucket]:
        """Return those of these buckets that a token was ever taken from."""

    async def circuits(self) -> list[Circuit]:
        """Return every relay and domain that is left alone, by scope and name."""

    async def turn_circuit(
        self, scope: CircuitScope, name: str, turn: Callable[[Circuit | None], Circuit | None]
    ) -> Circuit | None:
        """Put what ``turn`` makes of a circuit (None: it is closed) in its place, and return that; one at a time."""

    async def begin_probe(self, scope: CircuitScope, name: str, until: datetime, now: datetime) -> bool:
        """Return whether we may try one mail: the time has come, and nobody else is trying. Until then, nobody will."""

    async def postpone(self, owner: str, postponed: Sequence[tuple[int, datetime]]) -> int:
        """Give back deliveries under ``owner``'s lease without an attempt, each ready again at its time; return how
        many that were.
        """
