"""The outbox of outgoing webhooks: written by triggers in the transaction of what it tells of (migration 0013)."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Index, Integer, Table, Text, text

from newsletter.model import PostingState
from newsletter.store.schema.columns import Instant, Prose, metadata, one_of, required
from newsletter.store.schema.deliveries import bounces
from newsletter.store.schema.people import subscribers

# Whom the triggers write for: what the configuration in force says, and how telling them goes.
webhooks = Table(
    "webhooks",
    metadata,
    Column("name", Text, primary_key=True),
    required("events", Text),  # each with a space before and after it
    required("with_address", Boolean),
    required("since", Instant),
    required("failures", Integer),
    Column("failing_since", Instant),
    Column("retry_at", Instant),  # it is left alone until then
    required("fault", Prose),
    Column("accepted_at", Instant),
    sqlite_with_rowid=False,
)

postings = Table(
    "postings",
    metadata,
    Column("id", Integer, primary_key=True),
    required("event_id", Text, unique=True),
    required("webhook", Text),
    required("kind", Text),
    required("occurred_at", Instant),
    Column("subscriber_id", Integer, index=True),  # who may be gone: that is told, too
    Column("address", Prose),
    required("data", Prose),
    required("state", Text),
    required("attempts", Integer),
    required("since", Instant),
    Column("ready_at", Instant),  # when somebody may try it; whoever does moves it on for the time of a try
    Column("finished_at", Instant),
    Column("status_code", Integer),
    required("fault", Prose),
    one_of("state", PostingState, "state"),
    Index(
        "ix_postings_ready_at",
        "webhook",
        "ready_at",
        sqlite_where=text("ready_at IS NOT NULL"),
        postgresql_where=text("ready_at IS NOT NULL"),
    ),
    Index(None, "state", "since"),
    sqlite_autoincrement=True,
    info={"written_by_triggers": True},
)
postings.add_is_dependent_on(subscribers)  # copied after them: the triggers have written by then
postings.add_is_dependent_on(bounces)

# How many mails of an issue date had been planned when it was last told that all of them have come to an end.
told_issues = Table(
    "told_issues",
    metadata,
    Column("issue_date", Date, primary_key=True),
    required("planned", Integer),
    sqlite_with_rowid=False,
)
