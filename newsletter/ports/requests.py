"""Where it is kept what has been asked of the API under a key, so that asking again does nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import KeptAnswer, KeyedRequest, RequestStanding


class RequestStore(Protocol):
    """Requests with an idempotency key, and the answers to them, for a day."""

    async def begin_request(self, request: KeyedRequest, now: datetime) -> RequestStanding:
        """Say how a request stands, and hold its key for whoever may carry it out: one at a time, for a minute."""

    async def finish_request(self, request: KeyedRequest, answer: KeptAnswer) -> None:
        """Keep the answer of a request that has begun."""

    async def abandon_request(self, request: KeyedRequest) -> None:
        """Give back the key of a request that has begun and changed nothing."""
