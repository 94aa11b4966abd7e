"""Days gone by: who came and left, how sources were; and logins that were ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

READING = "status IN ('active', 'paused')"
NOW_READING = f"NEW.{READING}"
WAS_READING = f"OLD.{READING}"
DAY = "({} AT TIME ZONE 'UTC')::date"  # of PostgreSQL


def moved(kind: str, day: str, condition: str) -> str:
    return f"INSERT INTO movements (day, kind) SELECT {day}, '{kind}' WHERE {condition};"


def added(day: str) -> str:
    return moved("subscribed", day, "1 = 1") + moved("confirmed", day, NOW_READING)


def changed(day: str) -> str:
    return (
        moved("subscribed", day, "NEW.status = 'pending'")
        + moved("confirmed", day, f"{NOW_READING} AND NOT OLD.{READING}")
        + moved("left", day, f"{WAS_READING} AND NOT NEW.{READING}")
    )


SQLITE = (
    f"CREATE TRIGGER subscribers_came AFTER INSERT ON subscribers BEGIN {added('date(NEW.created_at)')} END",
    (
        "CREATE TRIGGER subscribers_moved AFTER UPDATE OF status ON subscribers WHEN OLD.status <> NEW.status "
        f"BEGIN {changed('date(NEW.updated_at)')} END"
    ),
    (
        f"CREATE TRIGGER subscribers_went AFTER DELETE ON subscribers WHEN {WAS_READING} "
        "BEGIN INSERT INTO movements (day, kind) VALUES (date('now'), 'left'); END"
    ),
)
POSTGRESQL = (
    (
        "CREATE FUNCTION note_subscriber_came() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {added(DAY.format('NEW.created_at'))} RETURN NULL; END $$"
    ),
    (
        "CREATE FUNCTION note_subscriber_moved() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {changed(DAY.format('NEW.updated_at'))} RETURN NULL; END $$"
    ),
    (
        "CREATE FUNCTION note_subscriber_went() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"INSERT INTO movements (day, kind) VALUES ({DAY.format('now()')}, 'left'); RETURN NULL; END $$"
    ),
    (
        "CREATE TRIGGER subscribers_came AFTER INSERT ON subscribers FOR EACH ROW "
        "EXECUTE FUNCTION note_subscriber_came()"
    ),
    (
        "CREATE TRIGGER subscribers_moved AFTER UPDATE OF status ON subscribers FOR EACH ROW "
        "WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION note_subscriber_moved()"
    ),
    (
        f"CREATE TRIGGER subscribers_went AFTER DELETE ON subscribers FOR EACH ROW WHEN ({WAS_READING}) "
        "EXECUTE FUNCTION note_subscriber_went()"
    ),
)


def upgrade() -> None:
    make_tables()
    fill(op.get_bind())
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def make_tables() -> None:
    op.create_table(
        "movements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('subscribed', 'confirmed', 'left')", name=op.f("ck_movements_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movements")),
    )
    op.create_index("ix_movements_day_kind", "movements", ["day", "kind"])
    op.create_table(
        "source_days",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("papers", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "health IN ('fresh', 'quiet', 'stale', 'throttled', 'broken', 'unchecked')",
            name=op.f("ck_source_days_health"),
        ),
        sa.PrimaryKeyConstraint("source", "day", "health", name=op.f("pk_source_days")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_source_days_day", "source_days", ["day"])
    op.create_table(
        "ended_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_sessions")),
        sqlite_with_rowid=False,
    )


def fill(connection: sa.Connection) -> None:
    """Note what the rows still tell of those who are there: when they came, and when they left."""
    day_of = "date({})" if connection.dialect.name == "sqlite" else DAY
    came, went = day_of.format("created_at"), day_of.format("updated_at")
    for kind, day, condition in (
        ("subscribed", came, "1 = 1"),
        ("confirmed", came, "status <> 'pending'"),
        ("left", went, f"status <> 'pending' AND NOT {READING}"),
    ):
        connection.execute(
            sa.text(f"INSERT INTO movements (day, kind) SELECT {day}, '{kind}' FROM subscribers WHERE {condition}")
        )
