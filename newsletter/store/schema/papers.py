"""Papers, and the sources that told of them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from newsletter.model import (
    AnnounceType,
    Health,
    KeyScheme,
)
from newsletter.store.schema.columns import Instant, Prose, metadata, one_of, required

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
    required("good_votes", Integer, default=0),  # of our readers, counted whenever one of them votes
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
