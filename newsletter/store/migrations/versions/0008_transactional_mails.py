"""Transactional mails beside the issues: any number of them a day, to an address that need not be the subscriber's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The moves between states that newsletter.core.deliveries allows, as in 0003: the trigger goes with SQLite's old table.
ALLOWED_MOVES = """
    (OLD.state = 'planned' AND NEW.state IN ('sending', 'suppressed', 'superseded'))
    OR (OLD.state = 'sending'
        AND NEW.state IN ('accepted', 'deferred', 'rejected', 'expired', 'suppressed', 'unknown', 'planned'))
    OR (OLD.state = 'deferred' AND NEW.state IN ('sending', 'suppressed', 'superseded', 'expired'))
    OR (OLD.state IN ('rejected', 'expired', 'unknown') AND NEW.state = 'planned')
"""

SQLITE_TRIGGER = f"""
CREATE TRIGGER deliveries_moves BEFORE UPDATE OF state ON deliveries
WHEN OLD.state <> NEW.state AND NOT ({ALLOWED_MOVES})
BEGIN
    SELECT RAISE(ABORT, 'this move between states of a delivery is not allowed');
END
"""

# Whoever removes a subscriber: their deliveries go with them, and the sums must know of each.
FORGOTTEN = "issue_date IN (SELECT issue_date FROM deliveries WHERE subscriber_id = OLD.id)"
OF_THE_DATE = (
    "(SELECT count(*) FROM deliveries WHERE subscriber_id = OLD.id AND deliveries.issue_date = issues.issue_date)"
)
COUNTED = f"UPDATE issues SET forgotten = forgotten + {OF_THE_DATE} WHERE {FORGOTTEN}"

SQLITE_FORGOTTEN = f"""
CREATE TRIGGER subscribers_forgotten BEFORE DELETE ON subscribers
BEGIN
    {COUNTED};
END
"""

# Locked in one order, so that two removals do not wait for each other.
POSTGRESQL_FORGOTTEN = f"""
CREATE OR REPLACE FUNCTION count_forgotten_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM issues WHERE {FORGOTTEN} ORDER BY issue_date FOR UPDATE;
    {COUNTED};
    RETURN OLD;
END
$$
"""

ISSUES = "'digest', 'welcome', 'quiet', 'probe'"
KINDS = f"kind IN ({ISSUES}, 'confirmation', 'reminder', 'goodbye', 'address_change')"
NUMBERS = f"(number = 0) = (kind IN ({ISSUES}))"
KEPT = (
    "id",
    "subscriber_id",
    "digest_id",
    "kind",
    "issue_date",
    "state",
    "attempts",
    "message_id",
    "due_at",
    "planned_at",
    "next_attempt_at",
    "finished_at",
    "reply_code",
    "reply_text",
    "arrival_through",
    "is_unknown",
    "updates",
    "lease_owner",
    "ready_at",
    "relay",
    "begun_at",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER subscribers_forgotten")
        remake_deliveries()
        op.execute(SQLITE_TRIGGER)
        op.execute(SQLITE_FORGOTTEN)
    else:
        alter_deliveries()
        op.execute(POSTGRESQL_FORGOTTEN)


def remake_deliveries() -> None:
    """SQLite cannot change the checks of a table: https://sqlite.org/lang_altertable.html section 7 has these steps.

    Foreign keys are off meanwhile (:mod:`newsletter.store.migrate`), or what refers to this table would go with it.
    """
    op.create_table(
        "deliveries_anew",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("digest_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reply_code", sa.Integer(), nullable=True),
        sa.Column("reply_text", sa.Text(), nullable=False),
        sa.Column("arrival_through", sa.Integer(), nullable=True),
        sa.Column("is_unknown", sa.Boolean(), nullable=False),
        sa.Column("updates", sa.Text(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("relay", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("reference", sa.Integer(), nullable=True),
        sa.CheckConstraint(KINDS, name=op.f("ck_deliveries_kind")),
        sa.CheckConstraint(NUMBERS, name=op.f("ck_deliveries_number")),
        sa.CheckConstraint(
            "state IN ('planned', 'sending', 'deferred', 'accepted', 'rejected', "
            "'expired', 'suppressed', 'superseded', 'unknown')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.ForeignKeyConstraint(["digest_id"], ["digests.id"], name=op.f("fk_deliveries_digest_id")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_deliveries_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "subscriber_id", "issue_date", "number", name=op.f("uq_deliveries_subscriber_id_issue_date_number")
        ),
        sqlite_autoincrement=True,
    )
    fill_anew()


def fill_anew() -> None:
    """Put the new table in the place of the old one, with its rows and its numbering."""
    columns = ", ".join(KEPT)
    op.execute(f"INSERT INTO deliveries_anew ({columns}, number) SELECT {columns}, 0 FROM deliveries")
    op.execute(
        "UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'deliveries') "
        "WHERE name = 'deliveries_anew'"
    )
    op.drop_table("deliveries")
    op.rename_table("deliveries_anew", "deliveries")
    op.create_index(op.f("ix_deliveries_digest_id"), "deliveries", ["digest_id"])
    op.create_index(op.f("ix_deliveries_issue_date_state"), "deliveries", ["issue_date", "state"])
    op.create_index(op.f("ix_deliveries_state_planned_at_relay"), "deliveries", ["state", "planned_at", "relay"])
    create_partial_index("ix_deliveries_lease_owner", ["lease_owner"], "lease_owner IS NOT NULL")
    create_partial_index("ix_deliveries_ready_at", ["ready_at", "id"], "ready_at IS NOT NULL")
    create_urgent_index()


def alter_deliveries() -> None:
    op.add_column("deliveries", sa.Column("number", sa.Integer(), nullable=False, server_default="0"))
    op.alter_column("deliveries", "number", server_default=None)
    op.add_column("deliveries", sa.Column("recipient", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("reference", sa.Integer(), nullable=True))
    op.drop_constraint(op.f("ck_deliveries_kind"), "deliveries")
    op.create_check_constraint(op.f("ck_deliveries_kind"), "deliveries", KINDS)
    op.create_check_constraint(op.f("ck_deliveries_number"), "deliveries", NUMBERS)
    op.drop_constraint(op.f("uq_deliveries_subscriber_id_issue_date"), "deliveries")
    op.create_unique_constraint(
        op.f("uq_deliveries_subscriber_id_issue_date_number"), "deliveries", ["subscriber_id", "issue_date", "number"]
    )
    create_urgent_index()


def create_urgent_index() -> None:
    create_partial_index("ix_deliveries_urgent", ["ready_at", "id"], "ready_at IS NOT NULL AND number > 0")


def create_partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "deliveries", columns, sqlite_where=where, postgresql_where=where)
