"""People, and whom nobody writes to."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Time,
)

from newsletter.model import (
    Frequency,
    Origin,
    SubscriberStatus,
    SuppressionKind,
    SuppressionReason,
    Weekday,
)
from newsletter.store.schema.columns import Instant, Prose, metadata, one_of, required

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
    required("domain", Prose),  # of the address, as it is on the wire, in lower case
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

# Who left by themselves, and what they were before: for taking it back.
departures = Table(
    "departures",
    metadata,
    Column("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    required("left_at", Instant),
    required("reason", Prose),
    required("status", Text),
    required("status_reason", Prose),
    Column("paused_until", Date),
    one_of("status", SubscriberStatus, "status"),
    sqlite_with_rowid=False,
)

# Who wants mail at another address, until both addresses have agreed or the time is over.
address_changes = Table(
    "address_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    required("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), unique=True),
    required("address", Prose),
    required("address_wire", Prose),
    required("address_key", Prose),
    required("needs_smtputf8", Boolean),
    required("asked_at", Instant),
    Column("old_agreed_at", Instant),
    Column("new_agreed_at", Instant),
    Column("refused_at", Instant),
    required("asked_first_at", Instant),  # how often somebody asks within a day is limited
    required("asked_times", Integer),
    sqlite_autoincrement=True,
)

# Whom nobody writes to, whatever else the store says of them.
suppressions = Table(
    "suppressions",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("value", Prose, primary_key=True),  # an address's key or fingerprint, or a domain as it is on the wire
    required("reason", Text),
    required("detail", Prose),
    required("source", Text),
    required("created_at", Instant),
    Column("expires_at", Instant),
    one_of("kind", SuppressionKind, "kind"),
    one_of("reason", SuppressionReason, "reason"),
    Index(None, "created_at"),
    sqlite_with_rowid=False,
)

# How much has come back from somebody lately: decays with time, and leads to a probe.
bounce_scores = Table(
    "bounce_scores",
    metadata,
    Column("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    required("score", Float),
    required("scored_at", Instant),
    Column("probation_since", Instant),  # digests wait until a probe has been answered by silence
    sqlite_with_rowid=False,
)
