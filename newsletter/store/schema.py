"""Every table. A change here needs a migration beside it; a test compares the two on both databases.

JSON is kept as text (:mod:`newsletter.store.codec`), since nothing searches in it. Columns bear the names of
:mod:`newsletter.model`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from newsletter.model import (
    AnnounceType,
    DeliveryState,
    Frequency,
    Health,
    IssueKind,
    KeyScheme,
    Origin,
    OutcomeKind,
    SubscriberStatus,
    Weekday,
)

if TYPE_CHECKING:
    import enum

    from sqlalchemy import Dialect

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """A point in time: only aware datetimes go in, and they come out in UTC, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: they would mean another instant on every machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value.isoformat()}")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC (SQLite keeps no zone, PostgreSQL answers in the session's)."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Prose(TypeDecorator[str]):
    """Text from outside: without what no database takes (NUL) and no encoding can write (lone surrogates)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Drop NUL, and put "?" for half characters."""
        del dialect
        if value is None:
            return None
        return value.replace("\0", "").encode(errors="replace").decode()


def one_of(column: str, values: type[enum.StrEnum], name: str) -> CheckConstraint:
    """Return a check that ``column`` holds a value of an enumeration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


def required(name: str, kind: Any, *arguments: Any, **options: Any) -> Column[Any]:
    """Return a column that is never NULL."""
    return Column(name, kind, *arguments, nullable=False, **options)


sources = Table(
    "sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("etag", Prose),
    Column("last_modified", Prose),
    Column("next_check_at", Instant),
    Column("last_checked_at", Instant),
    Column("last_success_at", Instant),
    Column("last_new_paper_at", Instant),
    required("failures", Integer),
    Column("fault_kind", Prose),
    Column("fault_message", Prose),
    Column("fault_retry_after_s", Float),
    required("health", Text),
    required("entries", Integer),
    required("skipped", Integer),
    required("options", Text),
    one_of("health", Health, "health"),
)

papers = Table(
    "papers",
    metadata,
    Column("id", Integer, primary_key=True),
    required("title", Prose),
    required("title_letters", Prose),  # normalised, for searching by part of a title
    required("abstract", Prose),
    required("authors", Text),
    required("url", Prose),
    required("first_seen_at", Instant),
    required("arrival", Integer),
    Column("published_at", Instant),
    required("categories", Text),
    Column("arxiv_id", Prose),
    Column("version", Integer),
    Column("doi", Prose),
    required("announce_type", Text),
    Column("pdf_url", Prose),
    Column("comment", Prose),
    Column("journal_reference", Prose),
    required("community", Text),
    required("sources", Text),
    required("backlog", Boolean),
    Column("version_arrival", Integer),
    Column("version_seen_at", Instant),
    one_of("announce_type", AnnounceType, "announce_type"),
    Index(None, "arrival", "id"),
    Index(None, "version_arrival"),
    sqlite_autoincrement=True,  # an id that a united paper gave up is never given to another
)

# A paper that became part of another is still found under the id that mails and ledgers know.
paper_aliases = Table(
    "paper_aliases",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    required("paper_id", Integer, ForeignKey("papers.id"), index=True),
)

paper_keys = Table(
    "paper_keys",
    metadata,
    Column("scheme", Text, primary_key=True),
    Column("value", Prose, primary_key=True),
    required("paper_id", Integer, ForeignKey("papers.id"), index=True),
    one_of("scheme", KeyScheme, "scheme"),
    sqlite_with_rowid=False,
)

paper_versions = Table(
    "paper_versions",
    metadata,
    Column("paper_id", Integer, ForeignKey("papers.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    required("title", Prose),
    required("abstract", Prose),
    required("first_seen_at", Instant),
    required("source", Text),
)

sightings = Table(
    "sightings",
    metadata,
    Column("id", Integer, primary_key=True),
    required("source", Text),
    required("entry_id", Prose),
    required("version", Integer),  # 0 where the source tells none, for NULLs are never equal
    required("paper_id", Integer, ForeignKey("papers.id"), index=True),
    required("entry", Text),
    required("first_seen_at", Instant),
    required("last_seen_at", Instant),
    UniqueConstraint("source", "entry_id", "version"),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Integer, primary_key=True),
    required("address", Prose),
    required("address_wire", Prose),
    required("address_key", Prose, unique=True),
    required("needs_smtputf8", Boolean),
    required("status", Text),
    required("status_reason", Prose),
    Column("paused_until", Date),
    required("zone", Text),
    required("send_at_local", Time),
    required("frequency", Text),
    required("weekday", Text),
    required("keywords", Text),
    required("language", Text),
    required("template", Text),
    required("origin", Text),
    required("created_at", Instant),
    required("updated_at", Instant),
    Column("last_issue_date", Date),  # of the newest issue, whatever became of it, also when it held nothing
    one_of("status", SubscriberStatus, "status"),
    one_of("frequency", Frequency, "frequency"),
    one_of("weekday", Weekday, "weekday"),
    one_of("origin", Origin, "origin"),
    Index(None, "status", "id"),
    Index(None, "origin", "id"),
    # Who is due is asked at every tick: a range of this index.
    Index("ix_subscribers_due", "status", "zone", "send_at_local", "frequency", "weekday", "last_issue_date"),
    sqlite_autoincrement=True,
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("profile", Text, primary_key=True),
    required("position", Integer),
    Index(None, "profile", "subscriber_id"),
    sqlite_with_rowid=False,
)

consents = Table(
    "consents",
    metadata,
    Column("id", Integer, primary_key=True),
    required("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True),
    required("method", Text),
    required("given_at", Instant),
    required("proof", Prose),
)

digests = Table(
    "digests",
    metadata,
    Column("id", Integer, primary_key=True),
    required("content_hash", Text, unique=True),
    required("content", Text),
    required("created_at", Instant),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    required("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE")),
    required("digest_id", Integer, ForeignKey("digests.id"), index=True),
    required("kind", Text),
    required("issue_date", Date),
    required("state", Text),
    required("attempts", Integer),
    required("message_id", Prose),
    required("due_at", Instant),
    required("planned_at", Instant),
    Column("next_attempt_at", Instant),
    Column("finished_at", Instant),
    Column("reply_code", Integer),
    required("reply_text", Prose),
    required("arrival_through", Integer),
    required("is_unknown", Boolean),  # it may have arrived: a connection, or the daemon, was lost in the middle of it
    required("updates", Text),  # the (paper, version) pairs that its ledger rows note, to take them again on a retry
    Column("lease_owner", Prose),
    # When somebody may take it: its due time, the next attempt's, or the end of the lease; NULL when it is final.
    Column("ready_at", Instant),
    one_of("state", DeliveryState, "state"),
    one_of("kind", IssueKind, "kind"),
    UniqueConstraint("subscriber_id", "issue_date"),
    Index(
        "ix_deliveries_ready_at",
        "ready_at",
        "id",
        sqlite_where=text("ready_at IS NOT NULL"),
        postgresql_where=text("ready_at IS NOT NULL"),
    ),
    Index(None, "lease_owner"),
    Index(None, "state", "planned_at"),
    Index(None, "issue_date"),
    sqlite_autoincrement=True,
)

# Who got which paper: nobody gets one twice, whatever the program does.
ledger = Table(
    "ledger",
    metadata,
    Column("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_id", Integer, ForeignKey("papers.id"), primary_key=True),
    required("delivery_id", Integer, ForeignKey("deliveries.id", ondelete="CASCADE"), index=True),
    Index(None, "paper_id"),
    sqlite_with_rowid=False,
)

ledger_updates = Table(
    "ledger_updates",
    metadata,
    Column("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_id", Integer, ForeignKey("papers.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    required("delivery_id", Integer, ForeignKey("deliveries.id", ondelete="CASCADE"), index=True),
    Index(None, "paper_id"),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Integer, ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    required("started_at", Instant),
    required("finished_at", Instant),
    required("outcome", Text),
    Column("code", Integer),
    required("text", Prose),
    required("is_unknown", Boolean),
    one_of("outcome", OutcomeKind, "outcome"),
    sqlite_with_rowid=False,
)

# What the operator has been told is wrong, by each channel, so that a restart does not tell it again.
alerts = Table(
    "alerts",
    metadata,
    Column("condition", Prose, primary_key=True),
    Column("channel", Text, primary_key=True),
    required("summary", Prose),
    required("since", Instant),
    Column("announced_at", Instant),
    Column("calm_since", Instant),
    sqlite_with_rowid=False,
)
