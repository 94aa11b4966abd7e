"""Every type that crosses a module's border: frozen values without I/O.

Times are aware and in UTC unless a name says ``local``. Names here are the names everywhere: database columns,
YAML keys, template variables and documentation use the same word for the same idea.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date, datetime, time  # noqa: TC003 (dataclass fields are read at run time by template docs)

# --- Papers -----------------------------------------------------------------------------------------------------------


class AnnounceType(enum.StrEnum):
    """How arXiv announced an item (its RSS help page); other sources announce everything as ``new``."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"
    REPLACE_CROSS = "replace-cross"

    @property
    def is_replacement(self) -> bool:
        """Whether a newer version of a known paper was announced."""
        return self in (AnnounceType.REPLACE, AnnounceType.REPLACE_CROSS)


class KeyScheme(enum.StrEnum):
    """What identifies a paper, strongest first: the order in which :mod:`newsletter.core.identity` trusts them."""

    ARXIV = "arxiv"
    DOI = "doi"
    URL = "url"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class PaperKey:
    """One name of a paper, e.g. ``arxiv:2305.15558`` (never with a version) or ``doi:10.1101/743294``."""

    scheme: KeyScheme
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


@dataclass(frozen=True, slots=True)
class Community:
    """What readers elsewhere made of a paper; ``None`` means that nobody has said, 0 that somebody counted none."""

    upvotes: int | None = None
    comments: int | None = None
    code_url: str | None = None
    code_stars: int | None = None
    summary: str | None = None
    keywords: tuple[str, ...] = ()
    organisation: str | None = None
    thumbnail_url: str | None = None
    page_url: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What one source said about one paper, before anybody knows which paper that is.

    ``title`` and ``abstract`` are plain text as the source meant it (tags and entities resolved, TeX kept, white
    space collapsed, no control characters). ``url`` is http(s) or empty.
    """

    entry_id: str
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    url: str = ""
    published_at: datetime | None = None
    categories: tuple[str, ...] = ()
    arxiv_id: str | None = None
    version: int | None = None
    doi: str | None = None
    announce_type: AnnounceType = AnnounceType.NEW
    pdf_url: str | None = None
    comment: str | None = None
    journal_reference: str | None = None
    community: Community | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper, whichever and however many sources brought it.

    ``arrival`` is the number of the collection that brought it, or that last added text or categories to it: it
    grows with every commit, so "what came since" needs no clock. ``backlog`` marks what a source's very first fetch
    brought: such a paper is news to a subscriber only if it was published since their last digest.
    """

    id: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    url: str
    first_seen_at: datetime
    arrival: int
    published_at: datetime | None = None
    categories: tuple[str, ...] = ()
    arxiv_id: str | None = None
    version: int | None = None
    doi: str | None = None
    announce_type: AnnounceType = AnnounceType.NEW
    pdf_url: str | None = None
    comment: str | None = None
    journal_reference: str | None = None
    community: Community = field(default_factory=Community)
    sources: tuple[str, ...] = ()
    backlog: bool = False
    version_arrival: int | None = None  # arrival of the newest version, when it is not the first that we saw


@dataclass(frozen=True, slots=True)
class PaperVersion:
    """A version of a paper as it was first seen."""

    version: int
    title: str
    abstract: str
    first_seen_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a source said of a paper, and when: the trace behind a merged :class:`Paper`."""

    source: str
    entry: Entry
    first_seen_at: datetime
    last_seen_at: datetime


# --- Sources ----------------------------------------------------------------------------------------------------------


class Health(enum.StrEnum):
    """Whether a quiet source is quiet or broken."""

    FRESH = "fresh"  # the last check brought new papers
    QUIET = "quiet"  # it answered, and had nothing new
    STALE = "stale"  # it answers, but has had nothing new for longer than it should
    THROTTLED = "throttled"  # it asked us to wait
    BROKEN = "broken"  # it could not be fetched or read
    UNCHECKED = "unchecked"  # never asked


@dataclass(frozen=True, slots=True)
class Fault:
    """A source's failure as a value: ``kind`` is stable for metrics and tests, ``message`` is for people."""

    kind: str  # connect, timeout, tls, status, throttled, too-large, not-a-feed, parse, file, refused
    message: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is remembered of a source between checks; committed together with the papers that the check brought.

    Validators are kept byte for byte as received (arXiv's ETag carries no quotes; RFC 9110 section 8.8).
    """

    name: str
    etag: str | None = None
    last_modified: str | None = None
    next_check_at: datetime | None = None
    last_checked_at: datetime | None = None
    last_success_at: datetime | None = None
    last_new_paper_at: datetime | None = None
    failures: int = 0
    fault: Fault | None = None
    health: Health = Health.UNCHECKED
    entries: int = 0  # of the last document that was read
    skipped: int = 0  # entries of it that were no papers (no title)

    @property
    def is_first_fetch(self) -> bool:
        """Whether this source has never yet been read."""
        return self.last_success_at is None


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What asking a source came to: entries, "not modified", or a fault; never an exception.

    ``max_age_s`` is how long the source asked us not to come back (Cache-Control, RFC 9111), if it did.
    """

    entries: tuple[Entry, ...] = ()
    not_modified: bool = False
    fault: Fault | None = None
    etag: str | None = None
    last_modified: str | None = None
    max_age_s: float | None = None
    skipped: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionCounts:
    """What one collection of one source changed in the store."""

    entries: int = 0
    new: int = 0
    enriched: int = 0
    new_versions: int = 0
    unchanged: int = 0


# --- Profiles ---------------------------------------------------------------------------------------------------------


class Field(enum.StrEnum):
    """Where a keyword may be looked for."""

    ANY = "any"
    TITLE = "title"
    ABSTRACT = "abstract"
    AUTHORS = "authors"
    COMMENT = "comment"


class Replacements(enum.StrEnum):
    """What a profile does with a newer version of a paper."""

    IGNORE = "ignore"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword as an admin wrote it: ``"RAG"`` in double quotes is exact, ``diffus*`` is a prefix."""

    text: str
    weight: float = 1.0
    field: Field = Field.ANY


@dataclass(frozen=True, slots=True)
class Topic:
    """A named group of keywords: a section of the digest."""

    name: str
    keywords: tuple[Keyword, ...] = ()
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What one reader, or one group of readers, cares about; ``docs/profiles.md`` tells its language by example."""

    name: str
    title: str
    description: str = ""
    topics: tuple[Topic, ...] = ()
    exclude: tuple[Keyword, ...] = ()
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    minimum_score: float = 0.0
    maximum_papers: int = 20
    replacements: Replacements = Replacements.IGNORE
    trending: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a field's readable text: characters ``start`` to ``end``, ``end`` not included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a paper is there: what matched, in which field, where, and what that added to the score.

    ``kind`` is ``keyword``, ``query``, ``author``, ``category`` or ``votes``; ``text`` is what the admin wrote. Spans
    index the readable text of the field (:func:`newsletter.core.text.readable`), for ``authors`` the names joined by
    ``", "``.
    """

    kind: str
    text: str
    field: str
    spans: tuple[Span, ...] = ()
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Match:
    """A paper that a profile's topic takes, with its score and the reasons that add up to it."""

    paper_id: int
    profile: str
    topic: str
    score: float
    reasons: tuple[Reason, ...] = ()


# --- Subscribers ------------------------------------------------------------------------------------------------------


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


# --- Issues and deliveries --------------------------------------------------------------------------------------------


class IssueKind(enum.StrEnum):
    """Which mail an issue is; also the name of its template."""

    DIGEST = "digest"
    WELCOME = "welcome"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Selected:
    """A paper's place in a digest. ``is_update`` marks a newer version of a paper that may have been sent before."""

    paper_id: int
    score: float
    reasons: tuple[Reason, ...] = ()
    is_update: bool = False


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
        return tuple(dict.fromkeys(paper.paper_id for section in self.sections for paper in section.papers))


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

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self not in (DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """A delivery to be stored: one per (subscriber, issue date). ``arrival_through`` is the last arrival considered."""

    subscriber_id: int
    digest: Digest
    due_at: datetime
    message_id: str
    arrival_through: int


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


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery under lease, with what sending it needs; ``subscriber`` is as of the claim, not of the planning."""

    delivery: Delivery
    subscriber: Subscriber


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

    ``code`` and ``text`` are the server's last reply, or None and what happened instead; ``step`` is what it answered.
    """

    kind: OutcomeKind
    code: int | None = None
    text: str = ""
    is_unknown: bool = False
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a delivery, as it is kept in the ledger of attempts."""

    delivery_id: int
    number: int
    started_at: datetime
    finished_at: datetime
    outcome: Outcome


# --- Problems ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in what an admin wrote: where, what, and what to do. Lines and columns count from 1; 0: none."""

    file: str
    line: int
    column: int
    message: str
    advice: str = ""
    severity: str = "error"  # or "warning"

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return f"{place}: {self.message}" + (f" — {self.advice}" if self.advice else "")
