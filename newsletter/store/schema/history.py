"""Days gone by, and logins that were ended."""

from __future__ import annotations

from sqlalchemy import Column, Date, Index, Integer, Table, Text

from newsletter.model import Health, MovementKind
from newsletter.store.schema.columns import Instant, metadata, one_of, required
from newsletter.store.schema.people import subscribers

# Who came and who left, without their names: written by triggers on the subscribers (migration 0007), whoever moves
# them, and kept when they are removed.
movements = Table(
    "movements",
    metadata,
    Column("id", Integer, primary_key=True),
    required("day", Date),
    required("kind", Text),
    one_of("kind", MovementKind, "kind"),
    Index(None, "day", "kind"),
    info={"written_by_triggers": True},
)
movements.add_is_dependent_on(subscribers)  # copied after them: the triggers have written by then

# How each source was found, day by day: a row for each health that a check found it in.
source_days = Table(
    "source_days",
    metadata,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("health", Text, primary_key=True),
    required("checks", Integer),
    required("papers", Integer),
    one_of("health", Health, "health"),
    Index(None, "day"),
    sqlite_with_rowid=False,
)

# Logins that were ended before they would have expired.
ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    required("expires_at", Instant),
    sqlite_with_rowid=False,
)
