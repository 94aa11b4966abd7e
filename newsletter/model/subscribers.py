"""People: who they are, what they want, and when."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, time  # noqa: TC003 (fields are read at run time)

from newsletter.model.profiles import Keyword  # noqa: TC001 (fields are read at run time)


class SubscriberStatus(enum.StrEnum):
    """Where a subscription stands; only ``active`` gets digests."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"


class Frequency(enum.StrEnum):
    """How often a digest comes."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"


class Weekday(enum.StrEnum):
    """A day of the week by its English name, as ISO 8601 orders them."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @property
    def number(self) -> int:
        """0 for Monday to 6 for Sunday, as :meth:`datetime.date.weekday` counts."""
        return list(Weekday).index(self)


class Origin(enum.StrEnum):
    """Who owns a subscriber's row: the store (sign-up, command line, CSV) or a profile file."""

    STORE = "store"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """A parsed mail address (:func:`newsletter.core.address.parse_address`).

    ``text`` is for people (``reader@bücher.example``), ``wire`` goes into the envelope and headers
    (``reader@xn--bcher-kva.example``), ``key`` is the case-folded form that is unique per subscriber.
    ``needs_smtputf8`` tells that the local part is not ASCII (RFC 6531).
    """

    text: str
    wire: str
    key: str
    needs_smtputf8: bool = False

    @property
    def domain(self) -> str:
        """The part after the @ as it is on the wire, in lower case."""
        return self.wire.rpartition("@")[2].lower()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Consent:
    """Proof of how somebody came to be on the list: ``method`` is e.g. ``command-line``, ``import``, ``file``."""

    method: str
    given_at: datetime
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When somebody's digest goes out: wall-clock time in an IANA zone, on which days. ``weekday`` is for weekly."""

    zone: str
    send_at_local: time
    frequency: Frequency = Frequency.DAILY
    weekday: Weekday = Weekday.MONDAY


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who gets digests. ``send_at_local`` is wall-clock time in ``zone`` (an IANA name)."""

    id: int
    address: EmailAddress
    status: SubscriberStatus
    zone: str
    send_at_local: time
    frequency: Frequency
    weekday: Weekday
    profiles: tuple[str, ...]
    keywords: tuple[Keyword, ...]
    language: str
    template: str
    origin: Origin
    consent: Consent
    created_at: datetime
    updated_at: datetime
    status_reason: str = ""
    paused_until: date | None = None

    @property
    def schedule(self) -> Schedule:
        """When the digests go out."""
        return Schedule(self.zone, self.send_at_local, self.frequency, self.weekday)


@dataclass(frozen=True, slots=True)
class Departure:
    """How somebody left by themselves, and what taking that back restores: the status with its reason as it was."""

    subscriber_id: int
    left_at: datetime
    reason: str
    status: SubscriberStatus
    status_reason: str
    paused_until: date | None = None


class AddressSide(enum.StrEnum):
    """Which of the two addresses of a move."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class AddressChange:
    """A move to another address that both addresses have to agree to; ``id`` is this move's alone. Times are in UTC."""

    id: int
    subscriber_id: int
    address: EmailAddress
    asked_at: datetime
    old_agreed_at: datetime | None = None
    new_agreed_at: datetime | None = None
    refused_at: datetime | None = None

    def reference(self, side: AddressSide) -> int:
        """Return the number by which the link in the mail to one side says what it agrees to."""
        return 2 * self.id + list(AddressSide).index(side)

    @staticmethod
    def referred(reference: int) -> tuple[int, AddressSide]:
        """Return the id of a move and the side that :meth:`reference` stands for."""
        return reference // 2, list(AddressSide)[reference % 2]


@dataclass(frozen=True, slots=True)
class SubscriberDraft:
    """A subscriber as somebody wants it, before the store gives it a row.

    ``None`` means "leave as it is" for a known address, and "take the default" for a new one. ``proof`` is this
    person's own proof of consent, where a :class:`Consent` given for many says less; it changes nobody who is known.
    """

    address: EmailAddress
    status: SubscriberStatus | None = None
    zone: str | None = None
    send_at_local: time | None = None
    frequency: Frequency | None = None
    weekday: Weekday | None = None
    profiles: tuple[str, ...] | None = None
    keywords: tuple[Keyword, ...] | None = None
    language: str | None = None
    template: str | None = None
    proof: str | None = None
