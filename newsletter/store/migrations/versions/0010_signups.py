"""Sign-ups that wait for their confirmation, and counts of clicks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_signups_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signups")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_signups_asked_at"), "signups", ["asked_at"])
    op.create_index(op.f("ix_signups_subscriber_id"), "signups", ["subscriber_id"])
    op.create_table(
        "clicks",
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("issue_date", "paper_id", name=op.f("pk_clicks")),
        sqlite_with_rowid=False,
    )
