"""What the parts of the store share: their database, and how many values go into one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from newsletter.core.fingerprint import Fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from newsletter.store.dialect import Database

Value = TypeVar("Value")

# SQLite takes 32,766 bound values and PostgreSQL 65,535; long lists of them are slow to prepare before that.
CHUNK: Final = 500


def chunks(values: Iterable[Value], size: int = CHUNK) -> Iterator[list[Value]]:
    """Yield ``values`` in lists of at most ``size``."""
    everything = list(values)
    for start in range(0, len(everything), size):
        yield everything[start : start + size]


class Part:
    """One part of the store: methods over one database; ``fingerprints`` recognise addresses that may not be kept."""

    def __init__(self, database: Database, fingerprints: Fingerprints | None = None) -> None:
        self.database = database
        self.fingerprints = fingerprints or Fingerprints()
