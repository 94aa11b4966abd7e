"""What readers and curators say of papers."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from newsletter.model import VoteValue
from newsletter.store.schema.columns import Instant, Prose, metadata, one_of, required

votes = Table(
    "votes",
    metadata,
    Column("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_id", Integer, ForeignKey("papers.id"), primary_key=True),
    required("value", Text),
    required("voted_at", Instant),
    one_of("value", VoteValue, "value"),
    Index(None, "paper_id"),
    sqlite_with_rowid=False,
)

saved_papers = Table(
    "saved_papers",
    metadata,
    Column("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("paper_id", Integer, ForeignKey("papers.id"), primary_key=True),
    required("saved_at", Instant),
    Index(None, "paper_id"),
    sqlite_with_rowid=False,
)

picks = Table(
    "picks",
    metadata,
    Column("paper_id", Integer, ForeignKey("papers.id"), primary_key=True),
    Column("curator", Prose, primary_key=True),
    required("note", Prose),
    required("picked_at", Instant),
    Index(None, "picked_at"),
    sqlite_with_rowid=False,
)

# How often the public side of this has changed: one row, by which pages that are kept know that they are outdated.
voice_changes = Table(
    "voice_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    required("changes", Integer),
)
