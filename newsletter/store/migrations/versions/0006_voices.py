"""Votes, saved papers and editor's picks; the order of the most voted becomes one whose votes fade."""

from __future__ import annotations

from datetime import date
from math import log2

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BATCH = 5000  # papers in memory at a time


def upgrade() -> None:
    create_tables()
    op.add_column("papers", sa.Column("good_votes", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("ix_indexed_papers_day_votes_position", "indexed_papers")
    op.execute("ALTER TABLE indexed_papers RENAME COLUMN votes TO trend")
    op.create_index("ix_indexed_papers_day_trend_position", "indexed_papers", ["day", "trend", "position"])
    fade(op.get_bind())


def create_tables() -> None:
    for name, said in (
        ("votes", [sa.Column("value", sa.Text(), nullable=False), sa.Column("voted_at", INSTANT, nullable=False)]),
        ("saved_papers", [sa.Column("saved_at", INSTANT, nullable=False)]),
    ):
        op.create_table(
            name,
            sa.Column("subscriber_id", sa.Integer(), nullable=False),
            sa.Column("paper_id", sa.Integer(), nullable=False),
            *said,
            sa.ForeignKeyConstraint(
                ["subscriber_id"], ["subscribers.id"], name=op.f(f"fk_{name}_subscriber_id"), ondelete="CASCADE"
            ),
            sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f(f"fk_{name}_paper_id")),
            sa.PrimaryKeyConstraint("subscriber_id", "paper_id", name=op.f(f"pk_{name}")),
            *([sa.CheckConstraint(VALUES, name=op.f("ck_votes_value"))] if name == "votes" else []),
            sqlite_with_rowid=False,
        )
        op.create_index(f"ix_{name}_paper_id", name, ["paper_id"])
    op.create_table(
        "picks",
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("curator", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("picked_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_picks_paper_id")),
        sa.PrimaryKeyConstraint("paper_id", "curator", name=op.f("pk_picks")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_picks_picked_at", "picks", ["picked_at"])
    op.create_table(
        "voice_changes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voice_changes")),
    )


INSTANT = sa.DateTime(timezone=True)
VALUES = "value IN ('good', 'not-for-me')"
INDEXED = sa.text(
    "SELECT position, day, trend FROM indexed_papers WHERE trend > 0 AND position > :last ORDER BY position LIMIT :most"
).columns(day=sa.Date())
FADED = sa.text("UPDATE indexed_papers SET trend = :trend WHERE position = :position")


def fade(connection: sa.Connection) -> None:
    """Make places among the trending ones of what were numbers of upvotes."""
    last = -1
    while rows := connection.execute(INDEXED, {"last": last, "most": BATCH}).all():
        last = rows[-1].position
        connection.execute(FADED, [{"position": row.position, "trend": faded(row.trend, row.day)} for row in rows])


def faded(upvotes: int, day: date) -> int:
    """Return the place of a paper with this many upvotes that appeared on a day."""
    height = log2(upvotes) + (day - date(2000, 1, 1)).days / 7
    return min(max(1, round(height * 100_000)), 2**31 - 1)
