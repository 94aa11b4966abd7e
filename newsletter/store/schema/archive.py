"""The public archive of issues: derived from digests as they are planned, without anything about who got them."""

from __future__ import annotations

from sqlalchemy import Column, Date, Float, ForeignKey, Index, Integer, Table, Text

from newsletter.store.schema.columns import metadata, required

# The issue of each profile that was the first to bring a paper.
archived_papers = Table(
    "archived_papers",
    metadata,
    Column("profile", Text, primary_key=True),
    Column("paper_id", Integer, ForeignKey("papers.id"), primary_key=True),
    required("issue_date", Date),
    required("topic", Text),
    required("score", Float),
    Index(None, "issue_date", "profile"),
    Index(None, "profile", "issue_date"),
    Index(None, "paper_id"),
    sqlite_with_rowid=False,
)
