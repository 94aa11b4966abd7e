"""How often something may be done from one network, and in all: kept in memory, and within bounds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from newsletter.core.limits import available_at, taken
from newsletter.model import Bucket, Limit, Window

if TYPE_CHECKING:
    from datetime import datetime, timedelta

# Networks that are remembered; when there are more, those that asked longest ago begin anew, and the total still holds.
MOST_NETWORKS: Final = 10_000
ALL: Final = ""


@dataclass(slots=True)
class Throttle:
    """Lets through ``most`` from a network and ``total`` in all, in any ``window``."""

    most: int
    total: int
    window: Window = Window.HOUR
    _buckets: OrderedDict[str, Bucket] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, network: str, now: datetime) -> timedelta | None:
        """Return None and count it when it may be done now; else how long to wait, and nothing is counted."""
        wait = self.wait(network, now)
        if wait is None:
            for limit in self._limits(network):
                self._buckets[limit.bucket] = taken(self._bucket(limit), limit, now)
                self._buckets.move_to_end(limit.bucket)
        while len(self._buckets) > MOST_NETWORKS:
            self._buckets.popitem(last=False)
        return wait

    def wait(self, network: str, now: datetime) -> timedelta | None:
        """Return how long to wait until it may be done; None when it may be now."""
        until = max(available_at(self._bucket(limit), limit, now) for limit in self._limits(network))
        return until - now if until > now else None

    def _limits(self, network: str) -> tuple[Limit, Limit]:
        return Limit(network, self.window, self.most), Limit(ALL, self.window, self.total)

    def _bucket(self, limit: Limit) -> Bucket:
        return self._buckets.get(limit.bucket, Bucket())
