"""Leaving that can be taken back, changes of address, and suppressions of addresses that may not be kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KINDS = "kind IN ('address', 'domain', 'hash')"
REASONS = "reason IN ('hard_bounce', 'soft_bounces', 'complaint', 'manual', 'import', 'erased')"
STATUSES = "status IN ('pending', 'active', 'paused', 'unsubscribed', 'bounced', 'suppressed')"
COLUMNS = "kind, value, reason, detail, source, created_at, expires_at"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        remake_suppressions()
    else:
        for name, check in (("kind", KINDS), ("reason", REASONS)):
            op.drop_constraint(op.f(f"ck_suppressions_{name}"), "suppressions", type_="check")
            op.create_check_constraint(op.f(f"ck_suppressions_{name}"), "suppressions", check)
    create_departures()
    create_address_changes()


def remake_suppressions() -> None:
    """SQLite cannot change the checks of a table: https://sqlite.org/lang_altertable.html section 7 has these steps."""
    op.create_table(
        "suppressions_anew",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(KINDS, name=op.f("ck_suppressions_kind")),
        sa.CheckConstraint(REASONS, name=op.f("ck_suppressions_reason")),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_suppressions")),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO suppressions_anew ({COLUMNS}) SELECT {COLUMNS} FROM suppressions")
    op.drop_table("suppressions")
    op.rename_table("suppressions_anew", "suppressions")
    op.create_index(op.f("ix_suppressions_created_at"), "suppressions", ["created_at"], unique=False)


def create_departures() -> None:
    op.create_table(
        "departures",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.Date(), nullable=True),
        sa.CheckConstraint(STATUSES, name=op.f("ck_departures_status")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_departures_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_departures")),
        sqlite_with_rowid=False,
    )


def create_address_changes() -> None:
    op.create_table(
        "address_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_wire", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("needs_smtputf8", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("new_agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_times", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_address_changes_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_changes")),
        sa.UniqueConstraint("subscriber_id", name=op.f("uq_address_changes_subscriber_id")),
        sqlite_autoincrement=True,
    )
