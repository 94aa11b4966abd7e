"""Manners towards one host: one request in flight, a pause between two, and silence when it asks for that."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ARXIV: Final = "arxiv.org"
MOST_IDLE_HOSTS: Final = 1000


def bucket_of(host: str) -> str:
    """Return what shares one allowance with ``host``: the host itself, but all of arXiv's together.

    arXiv's terms of use allow one connection and one request in three seconds over all its services.
    """
    host = host.lower().rstrip(".")
    return ARXIV if host == ARXIV or host.endswith("." + ARXIV) else host


@dataclass(slots=True)
class Bucket:
    """The turns of one host; times are the event loop's seconds."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at_s: float = 0.0
    silent_until_s: float = 0.0
    waiting: int = 0


class Pacer:
    """Gives each host's requests their turns; lives as long as the process."""

    def __init__(self, spacing_s: float, arxiv_spacing_s: float) -> None:
        self.spacing_s = spacing_s
        self.arxiv_spacing_s = arxiv_spacing_s
        self.buckets: dict[str, Bucket] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait until nobody else talks to ``host`` and the pause since the last request is over, then hold the turn."""
        name = bucket_of(host)
        self.forget_idle()
        bucket = self.buckets.setdefault(name, Bucket())
        bucket.waiting += 1
        try:
            async with bucket.lock:
                await asyncio.sleep(max(0.0, bucket.free_at_s - now_s()))
                try:
                    # The pause counts from request to request, as arXiv's terms do, and a slow answer is its own pause.
                    bucket.free_at_s = now_s() + (self.arxiv_spacing_s if name == ARXIV else self.spacing_s)
                    yield
                finally:
                    bucket.free_at_s = max(bucket.free_at_s, now_s())
        finally:
            bucket.waiting -= 1

    def silence(self, host: str, seconds: float) -> None:
        """Remember that ``host`` asked for no request at all for so many seconds."""
        bucket = self.buckets.setdefault(bucket_of(host), Bucket())
        bucket.silent_until_s = max(bucket.silent_until_s, now_s() + seconds)

    def silence_left_s(self, host: str) -> float:
        """Return for how many more seconds ``host`` wants no request; 0 when it may be asked."""
        bucket = self.buckets.get(bucket_of(host))
        return max(0.0, bucket.silent_until_s - now_s()) if bucket else 0.0

    def forget_idle(self) -> None:
        """Drop hosts that need no memory any more, so that redirects to ever new hosts cannot fill it."""
        if len(self.buckets) > MOST_IDLE_HOSTS:
            now = now_s()
            self.buckets = {
                name: bucket
                for name, bucket in self.buckets.items()
                if bucket.waiting or max(bucket.free_at_s, bucket.silent_until_s) > now
            }


def now_s() -> float:
    """Return the event loop's clock, in seconds."""
    return asyncio.get_running_loop().time()
