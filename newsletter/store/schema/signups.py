"""Sign-ups that wait for their confirmation, and how often papers were followed from mails."""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, Table, Text

from newsletter.store.schema.columns import Instant, Prose, metadata, required

signups = Table(
    "signups",
    metadata,
    Column("id", Integer, primary_key=True),
    required("subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True),
    required("asked_at", Instant),
    required("choices", Text),  # what was asked for, as a draft
    required("proof", Prose),  # when it was asked, from where, and what the page said
    Column("confirmed_at", Instant),
    Index(None, "asked_at"),
    sqlite_autoincrement=True,
)

# Nothing here is about readers. A paper that was united with another is counted under the id that it had in the mail.
clicks = Table(
    "clicks",
    metadata,
    Column("issue_date", Date, primary_key=True),
    Column("paper_id", Integer, primary_key=True, autoincrement=False),
    required("count", Integer),
    sqlite_with_rowid=False,
)
