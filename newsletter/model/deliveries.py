"""Issues, deliveries and what became of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, timedelta  # noqa: TC003 (fields are read at run time)

from newsletter.model.profiles import Reason  # noqa: TC001 (fields are read at run time)
from newsletter.model.sources import Health  # noqa: TC001 (fields are read at run time)
from newsletter.model.subscribers import EmailAddress, Subscriber  # noqa: TC001 (fields are read at run time)


class IssueKind(enum.StrEnum):
    """Which mail it is; also the name of its template. An issue comes by the calendar, a transactional mail answers
    what somebody has just done.
    """

    DIGEST = "digest"
    WELCOME = "welcome"
    QUIET = "quiet"
    PROBE = "probe"  # asks whether an address whose mails kept coming back still takes mail
    CONFIRMATION = "confirmation"  # asks whether who signed up has that address, and wants it
    REMINDER = "reminder"  # tells who signed up again that they are subscribed
    GOODBYE = "goodbye"  # tells who left that they have, and how to come back
    ADDRESS_CHANGE = "address_change"  # asks the old and the new address whether the one is to replace the other

    @property
    def is_transactional(self) -> bool:
        """Whether it is no issue: it holds no papers, and a day may have any number of them."""
        return self not in (IssueKind.DIGEST, IssueKind.WELCOME, IssueKind.QUIET, IssueKind.PROBE)


@dataclass(frozen=True, slots=True)
class Selected:
    """A paper's place in a digest. ``is_update`` marks a newer version of a paper that may have been sent before;
    ``note`` is what an editor says of it, ``noted_by`` who that is.
    """

    paper_id: int
    score: float
    reasons: tuple[Reason, ...] = ()
    is_update: bool = False
    note: str = ""
    noted_by: str = ""

    def __hash__(self) -> int:
        """Return what is equal for equal places: not of all there is, for mails look up each of their papers."""
        return hash((self.paper_id, self.score, self.note))


@dataclass(frozen=True, slots=True)
class Section:
    """A topic of a profile in a digest, most relevant first; ``omitted`` more matched and were over the cap."""

    profile: str
    profile_title: str
    topic: str
    papers: tuple[Selected, ...]
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class SourceNote:
    """One honest line about a source: what it brought to this digest, or since when it is broken."""

    source: str
    health: Health
    papers: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """What one issue says. Equal digests are stored and rendered once, however many subscribers get them."""

    kind: IssueKind
    issue_date: date
    sections: tuple[Section, ...]
    considered: int
    notes: tuple[SourceNote, ...] = ()
    template: str = "digest"
    language: str = "en"

    @property
    def paper_ids(self) -> tuple[int, ...]:
        """The papers in it, in order of appearance, each once."""
        return tuple(dict.fromkeys([paper.paper_id for section in self.sections for paper in section.papers]))


class DeliveryState(enum.StrEnum):
    """Where a delivery stands. ``docs/architecture.md`` draws the allowed moves; the database enforces them."""

    PLANNED = "planned"
    SENDING = "sending"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self not in (DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """A delivery to be stored: one per (subscriber, issue date).

    ``arrival_through`` is the last arrival considered; None when a paused profile was left out, so that the next digest
    looks again at everything that this one looked at.
    """

    subscriber_id: int
    digest: Digest
    due_at: datetime
    message_id: str
    arrival_through: int | None


@dataclass(frozen=True, slots=True)
class TransactionalMail:
    """A mail to be stored that answers what somebody has just done; it is due at once.

    ``recipient`` is where it goes when that is not the subscriber's own address. ``reference`` numbers what it is
    about, for the link in it.
    """

    subscriber_id: int
    kind: IssueKind
    message_id: str
    language: str = "en"
    recipient: EmailAddress | None = None
    reference: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A stored delivery."""

    id: int
    subscriber_id: int
    digest_id: int
    kind: IssueKind
    issue_date: date
    state: DeliveryState
    attempts: int
    message_id: str
    due_at: datetime
    planned_at: datetime
    next_attempt_at: datetime | None = None
    finished_at: datetime | None = None
    reply_code: int | None = None
    reply_text: str = ""
    relay: str = ""
    recipient: EmailAddress | None = None
    reference: int | None = None


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery under lease, with what sending it needs; ``subscriber`` is as of the claim, not of the planning, and
    has the address that the mail goes to.
    """

    delivery: Delivery
    subscriber: Subscriber


@dataclass(frozen=True, slots=True)
class Lease:
    """What a process says of itself while it holds deliveries: ``beats`` grows with every sign of life.

    One that has given none for its ``length`` is taken for dead, by the clock of whoever watches.
    """

    owner: str
    beats: int
    length: timedelta


class OutcomeKind(enum.StrEnum):
    """What an attempt came to."""

    ACCEPTED = "accepted"  # the server took the message: a 2xx after the final dot
    DEFERRED = "deferred"  # try again: 4xx, refused or lost connection
    REJECTED = "rejected"  # never again: 5xx
    SUPPRESSED = "suppressed"  # not sent: the subscriber may no longer be written to


class Step(enum.StrEnum):
    """How far the SMTP dialogue had come when it was answered, or lost."""

    CONNECT = "connect"
    TLS = "tls"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to. ``is_unknown``: the connection was lost after the final dot, so it may have arrived.

    ``code``, ``enhanced_code`` (RFC 3463, e.g. ``5.1.1``) and ``text`` are the server's last reply, or None and what
    happened instead; ``step`` is what it answered. ``relay`` is the name of the relay that was asked, ``connection``
    which of its connections answered: both empty when none was.
    """

    kind: OutcomeKind
    code: int | None = None
    text: str = ""
    is_unknown: bool = False
    step: Step | None = None
    enhanced_code: str | None = None
    relay: str = ""
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a delivery, as it is kept in the ledger of attempts."""

    delivery_id: int
    number: int
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
