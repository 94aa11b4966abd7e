"""Delivery by several relays and workers: what attempts met, what came back, what waits, and how much was planned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The moves between states that newsletter.core.deliveries allows; a test compares the two.
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

POSTGRESQL_TRIGGER = f"""
CREATE TRIGGER deliveries_moves BEFORE UPDATE OF state ON deliveries FOR EACH ROW
WHEN (OLD.state <> NEW.state AND NOT ({ALLOWED_MOVES}))
EXECUTE FUNCTION refuse_delivery_move()
"""

# Whoever removes a subscriber: their deliveries go with them, and the sums must know. One has at most one of a date.
FORGOTTEN = "issue_date IN (SELECT issue_date FROM deliveries WHERE subscriber_id = OLD.id)"

SQLITE_FORGOTTEN = f"""
CREATE TRIGGER subscribers_forgotten BEFORE DELETE ON subscribers
BEGIN
    UPDATE issues SET forgotten = forgotten + 1 WHERE {FORGOTTEN};
END
"""

# Locked in one order, so that two removals do not wait for each other.
POSTGRESQL_FORGOTTEN = (
    f"""
CREATE FUNCTION count_forgotten_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM issues WHERE {FORGOTTEN} ORDER BY issue_date FOR UPDATE;
    UPDATE issues SET forgotten = forgotten + 1 WHERE {FORGOTTEN};
    RETURN OLD;
END
$$
""",
    """
CREATE TRIGGER subscribers_forgotten BEFORE DELETE ON subscribers FOR EACH ROW
EXECUTE FUNCTION count_forgotten_deliveries()
""",
)

KINDS = "kind IN ('digest', 'welcome', 'quiet', 'probe')"
STATES = (
    "state IN ('planned', 'sending', 'deferred', 'accepted', 'rejected', "
    "'expired', 'suppressed', 'superseded', 'unknown')"
)
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
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        remake_deliveries()
        op.execute(SQLITE_TRIGGER)
    else:
        alter_deliveries()
        op.execute("DROP TRIGGER deliveries_moves ON deliveries")
        op.execute(POSTGRESQL_TRIGGER)
    op.add_column("attempts", sa.Column("step", sa.Text(), nullable=True))
    op.add_column("attempts", sa.Column("enhanced_code", sa.Text(), nullable=True))
    for name in ("relay", "connection"):
        op.add_column("attempts", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("subscribers", sa.Column("domain", sa.Text(), nullable=False, server_default=""))
    fill_domains()
    create_buckets()
    create_circuits()
    create_issues()
    count_forgotten()
    create_pauses()
    create_seals()
    create_leases()
    create_suppressions()
    create_bounce_scores()
    create_bounces()
    count_issues()


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
        sa.CheckConstraint("kind IN ('digest', 'welcome', 'quiet', 'probe')", name=op.f("ck_deliveries_kind")),
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
        sa.UniqueConstraint("subscriber_id", "issue_date", name=op.f("uq_deliveries_subscriber_id_issue_date")),
        sqlite_autoincrement=True,
    )
    columns = ", ".join(KEPT)
    op.execute(f"INSERT INTO deliveries_anew ({columns}, relay) SELECT {columns}, '' FROM deliveries")
    op.execute(
        "UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'deliveries') "
        "WHERE name = 'deliveries_anew'"
    )
    op.drop_table("deliveries")
    op.rename_table("deliveries_anew", "deliveries")
    index_deliveries()


def index_deliveries() -> None:
    op.create_index(op.f("ix_deliveries_digest_id"), "deliveries", ["digest_id"], unique=False)
    op.create_index(op.f("ix_deliveries_issue_date_state"), "deliveries", ["issue_date", "state"], unique=False)
    create_lease_index()
    op.create_index(
        "ix_deliveries_ready_at",
        "deliveries",
        ["ready_at", "id"],
        unique=False,
        sqlite_where=sa.text("ready_at IS NOT NULL"),
        postgresql_where=sa.text("ready_at IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_deliveries_state_planned_at_relay"), "deliveries", ["state", "planned_at", "relay"], unique=False
    )


def alter_deliveries() -> None:
    op.drop_constraint(op.f("ck_deliveries_kind"), "deliveries")
    op.create_check_constraint(op.f("ck_deliveries_kind"), "deliveries", KINDS)
    op.drop_constraint(op.f("ck_deliveries_state"), "deliveries")
    op.create_check_constraint(op.f("ck_deliveries_state"), "deliveries", STATES)
    op.add_column("deliveries", sa.Column("relay", sa.Text(), nullable=False, server_default=""))
    op.add_column("deliveries", sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("deliveries", "arrival_through", nullable=True)
    for name in ("ix_deliveries_issue_date", "ix_deliveries_state_planned_at", "ix_deliveries_lease_owner"):
        op.drop_index(op.f(name), "deliveries")
    create_lease_index()
    op.create_index(op.f("ix_deliveries_issue_date_state"), "deliveries", ["issue_date", "state"])
    op.create_index(op.f("ix_deliveries_state_planned_at_relay"), "deliveries", ["state", "planned_at", "relay"])


def fill_domains() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    start = "instr(address_wire, '@')" if is_sqlite else "position('@' in address_wire)"
    op.execute(f"UPDATE subscribers SET domain = lower(substr(address_wire, {start} + 1))")


def count_issues() -> None:
    """Take what is there for what was planned: whoever was removed has taken theirs along."""
    op.execute(
        "INSERT INTO issues (issue_date, planned, forgotten, first_planned_at, last_planned_at) "
        "SELECT issue_date, count(*), 0, min(planned_at), max(planned_at) FROM deliveries GROUP BY issue_date"
    )


def count_forgotten() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in (SQLITE_FORGOTTEN,) if is_sqlite else POSTGRESQL_FORGOTTEN:
        op.execute(statement)


def create_lease_index() -> None:
    op.create_index(
        "ix_deliveries_lease_owner",
        "deliveries",
        ["lease_owner"],
        unique=False,
        sqlite_where=sa.text("lease_owner IS NOT NULL"),
        postgresql_where=sa.text("lease_owner IS NOT NULL"),
    )


def create_leases() -> None:
    """Make who holds deliveries a table, with those that the release before held by the clock alone."""
    op.create_table(
        "leases",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("length_s", sa.Float(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_leases")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO leases (owner, beats, length_s, since) "
        "SELECT lease_owner, 0, 300, min(planned_at) FROM deliveries "
        "WHERE state = 'sending' AND lease_owner IS NOT NULL GROUP BY lease_owner"
    )
    op.execute("UPDATE deliveries SET ready_at = NULL WHERE state = 'sending'")


def create_buckets() -> None:
    op.create_table(
        "buckets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("taken", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_buckets")),
        sqlite_with_rowid=False,
    )


def create_circuits() -> None:
    op.create_table(
        "circuits",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probe_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cause IN ('unreachable', 'throttled', 'policy')", name=op.f("ck_circuits_cause")),
        sa.CheckConstraint("scope IN ('relay', 'domain')", name=op.f("ck_circuits_scope")),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_circuits")),
        sqlite_with_rowid=False,
    )


def create_issues() -> None:
    op.create_table(
        "issues",
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("forgotten", sa.Integer(), nullable=False),
        sa.Column("first_planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issue_date", name=op.f("pk_issues")),
        sqlite_with_rowid=False,
    )


def create_pauses() -> None:
    op.create_table(
        "pauses",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("scope IN ('all', 'relay', 'profile')", name=op.f("ck_pauses_scope")),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_pauses")),
        sqlite_with_rowid=False,
    )


def create_seals() -> None:
    op.create_table(
        "seals",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seals")),
    )


def create_suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('address', 'domain')", name=op.f("ck_suppressions_kind")),
        sa.CheckConstraint(
            "reason IN ('hard_bounce', 'soft_bounces', 'complaint', 'manual', 'import')",
            name=op.f("ck_suppressions_reason"),
        ),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_suppressions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_suppressions_created_at"), "suppressions", ["created_at"], unique=False)


def create_bounce_scores() -> None:
    op.create_table(
        "bounce_scores",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probation_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_bounce_scores_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_bounce_scores")),
        sqlite_with_rowid=False,
    )


def create_bounces() -> None:
    op.create_table(
        "bounces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=True),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enhanced_code", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('hard', 'soft', 'complaint')", name=op.f("ck_bounces_kind")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_bounces_delivery_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_bounces_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounces")),
        sa.UniqueConstraint("event_key", name=op.f("uq_bounces_event_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_bounces_delivery_id"), "bounces", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_bounces_recorded_at"), "bounces", ["recorded_at"], unique=False)
    op.create_index(op.f("ix_bounces_subscriber_id"), "bounces", ["subscriber_id"], unique=False)
