"""Issues, who got which paper, and what became of each mail."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from newsletter.model import (
    BounceKind,
    DeliveryState,
    IssueKind,
    OutcomeKind,
)
from newsletter.store.schema.columns import Instant, Prose, metadata, one_of, required

ISSUES = ", ".join(f"'{kind}'" for kind in IssueKind if not kind.is_transactional)

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
    Column("arrival_through", Integer),  # NULL: without the papers of a paused profile, so no window begins after it
    required("is_unknown", Boolean),  # it may have arrived: a connection, or the daemon, was lost in the middle of it
    required("updates", Text),  # the (paper, version) pairs that its ledger rows note, to take them again on a retry
    Column("lease_owner", Prose),
    # When somebody may take it: its due time, or the next attempt's; NULL under a lease, and when it is final.
    Column("ready_at", Instant),
    required("relay", Text),  # that was asked last, empty before that
    # When its message was begun under the present lease; kept only where a mail that may have arrived is not repeated.
    Column("begun_at", Instant),
    required("number", Integer),  # 0 is the issue of its date, of which there is one; transactional mails count from 1
    Column("recipient", Prose),  # the address that it goes to, where that is not the subscriber's own
    Column("reference", Integer),  # what a transactional mail is about, for its link
    one_of("state", DeliveryState, "state"),
    one_of("kind", IssueKind, "kind"),
    CheckConstraint(f"(number = 0) = (kind IN ({ISSUES}))", name="number"),
    UniqueConstraint("subscriber_id", "issue_date", "number"),
    Index(
        "ix_deliveries_ready_at",
        "ready_at",
        "id",
        sqlite_where=text("ready_at IS NOT NULL"),
        postgresql_where=text("ready_at IS NOT NULL"),
    ),
    # Somebody waits for each of these: they are claimed before any issue.
    Index(
        "ix_deliveries_urgent",
        "ready_at",
        "id",
        sqlite_where=text("ready_at IS NOT NULL AND number > 0"),
        postgresql_where=text("ready_at IS NOT NULL AND number > 0"),
    ),
    Index(
        "ix_deliveries_lease_owner",
        "lease_owner",
        sqlite_where=text("lease_owner IS NOT NULL"),
        postgresql_where=text("lease_owner IS NOT NULL"),
    ),
    Index(None, "state", "planned_at", "relay"),
    Index(None, "issue_date", "state"),
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
    Column("step", Text),
    Column("enhanced_code", Text),
    required("relay", Text),
    required("connection", Text),
    one_of("outcome", OutcomeKind, "outcome"),
    sqlite_with_rowid=False,
)

# How many mails were planned for each issue date, counted beside them: what became of them must add up to it.
issues = Table(
    "issues",
    metadata,
    Column("issue_date", Date, primary_key=True),
    required("planned", Integer),
    required("forgotten", Integer),  # their subscribers were removed, and they with them
    required("first_planned_at", Instant),
    required("last_planned_at", Instant),
    sqlite_with_rowid=False,
)

# What came back: from relays, mailboxes and providers. ``event_key`` is what makes one report count once.
bounces = Table(
    "bounces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True),
    Column("delivery_id", Integer, ForeignKey("deliveries.id", ondelete="CASCADE"), index=True),
    required("kind", Text),
    required("source", Text),
    required("recorded_at", Instant),
    Column("enhanced_code", Text),
    required("text", Prose),
    required("event_key", Prose, unique=True),
    one_of("kind", BounceKind, "kind"),
    Index(None, "recorded_at"),
    sqlite_autoincrement=True,
)
