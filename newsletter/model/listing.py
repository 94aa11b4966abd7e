"""Which deliveries somebody asks for, and what they are shown of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 (fields are read at run time)

from newsletter.model.deliveries import Delivery, DeliveryState, IssueKind  # noqa: TC001 (fields are read at run time)


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Deliveries that fit all of what is said here; what is empty says nothing.

    ``since`` and ``until`` are issue dates, both included. ``profile`` is one whose papers the mail holds, ``relay``
    was asked last. ``code`` is the last reply's: a reply code or its beginning (``5``, ``550``), or an enhanced code or
    its beginning (``5.1``, ``5.1.1``). ``in_doubt``: only those that may have arrived and were not accepted.
    """

    states: frozenset[DeliveryState] = frozenset()
    kinds: frozenset[IssueKind] = frozenset()
    since: date | None = None
    until: date | None = None
    subscriber_id: int | None = None
    domain: str = ""
    profile: str = ""
    relay: str = ""
    code: str = ""
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class ListedDelivery:
    """A delivery with the address of its subscriber as people write it, and whether it may have arrived unaccepted."""

    delivery: Delivery
    address: str
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class ReplyCount:
    """How many deliveries in one state were answered alike, and the first of them that was found."""

    state: DeliveryState
    code: int | None
    enhanced_code: str | None
    text: str
    count: int
    example: int
