"""Where a store is at home."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 (fields are read at run time)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is: ``fingerprint`` is equal for the same place only, ``name`` is what to call it to a person."""

    fingerprint: str
    name: str


@dataclass(frozen=True, slots=True)
class Seal:
    """The place from which a store may send, as it was when that was said; an empty fingerprint is nowhere."""

    place: Place
    sealed_at: datetime
