"""How often something was tried lately, by whom, within a memory that does not grow."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@dataclass(slots=True)
class Tries:
    """At most ``most`` tries by each key within ``window``, for the ``remembered`` keys that tried last."""

    most: int
    window: timedelta
    remembered: int
    _counts: OrderedDict[str, tuple[int, datetime]] = field(default_factory=OrderedDict)

    def wait(self, key: str, now: datetime) -> timedelta | None:
        """Return how long a key has to wait, None when it may try."""
        count, since = self._counts.get(key, (0, now))
        waits = since + self.window - now
        return waits if count >= self.most and waits.total_seconds() > 0 else None

    def add(self, key: str, now: datetime) -> None:
        """Count a try; the first after a window begins another."""
        count, since = self._counts.pop(key, (0, now))
        if now - since >= self.window or now < since:
            count, since = 0, now
        self._counts[key] = count + 1, since
        while len(self._counts) > self.remembered:
            self._counts.popitem(last=False)

    def take_back(self, key: str) -> None:
        """Count one try less: it was none that counts."""
        if key in self._counts:
            count, since = self._counts[key]
            self._counts[key] = max(count - 1, 0), since

    def __len__(self) -> int:
        return len(self._counts)
