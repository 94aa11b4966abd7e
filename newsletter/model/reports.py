"""What the operator is told once a day."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (fields are read at run time)
from dataclasses import dataclass
from datetime import date  # noqa: TC003 (fields are read at run time)

from newsletter.model.alerts import Alert  # noqa: TC001 (fields are read at run time)
from newsletter.model.issues import IssueSums  # noqa: TC001 (fields are read at run time)
from newsletter.model.sources import SourceState  # noqa: TC001 (fields are read at run time)
from newsletter.model.subscribers import SubscriberStatus  # noqa: TC001 (fields are read at run time)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What became of a day's mails, and how things stand now.

    ``sums`` is None when nothing was planned for the day. ``kinds`` and ``relays`` count its mails by kind and those
    that were tried by relay; ``wrong`` is what the operator has been told of and is not over.
    """

    day: date
    sums: IssueSums | None
    kinds: Mapping[str, int]
    relays: Mapping[str, int]
    sources: tuple[SourceState, ...]
    subscribers: Mapping[SubscriberStatus, int]
    wrong: tuple[Alert, ...] = ()
