"""What programs ask: requests with a key, and what they were answered."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from newsletter.store.schema.columns import Instant, Prose, metadata, required

# For a day, so that the same request under the same key does nothing twice.
api_requests = Table(
    "api_requests",
    metadata,
    Column("token", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    required("content_hash", Text),
    required("started_at", Instant, index=True),
    required("held_until", Instant),  # by whoever carries it out
    Column("status", Integer),  # NULL: not answered yet
    required("headers", Text),
    required("body", Prose),
    sqlite_with_rowid=False,
)
