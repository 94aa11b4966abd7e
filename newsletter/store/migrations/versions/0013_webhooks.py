"""An outbox for outgoing webhooks, and triggers that write into it with what it tells of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

HERE = "('pending', 'active', 'paused')"
GONE = "('unsubscribed', 'bounced', 'suppressed')"
RETURNED = f"OLD.status IN {GONE} AND NEW.status IN {HERE}"
CONFIRMED = "OLD.status = 'pending' AND NEW.status IN ('active', 'paused')"
LEFT = "OLD.status <> 'unsubscribed' AND NEW.status = 'unsubscribed'"
KNOWN = "NEW.subscriber_id IS NOT NULL"
NEW_PERSON = ("NEW.id", "NEW.address")
OLD_PERSON = ("OLD.id", "OLD.address")
BOUNCER = ("NEW.subscriber_id", "(SELECT address FROM subscribers WHERE id = NEW.subscriber_id)")
PERSON = "'status', NEW.status, 'reason', NEW.status_reason"
REMOVED = "'status', 'removed', 'reason', 'removed'"
BOUNCE = (
    "'bounce_id', NEW.id, 'kind', NEW.kind, 'delivery_id', NEW.delivery_id, 'enhanced_code', NEW.enhanced_code, "
    "'source', NEW.source"
)
DIALECTS = {
    "sqlite": {
        "id": "lower(hex(randomblob(16)))",
        "object": "json_object",
        "text": "",
        "now": "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
    },
    "postgresql": {
        "id": "replace(gen_random_uuid()::text, '-', '')",
        "object": "json_build_object",
        "text": "::text",
        "now": "now()",
    },
}


def upgrade() -> None:
    make_tables()
    name = op.get_bind().dialect.name
    for statement in triggers(name):
        op.execute(sa.text(statement.replace(":", r"\:")))


def telling(dialect: str, kind: str, at: str, data: str, whom: tuple[str, str]) -> str:
    """Return the statement that writes a posting for each webhook that is told of ``kind``."""
    words, (who, address) = DIALECTS[dialect], whom
    return (
        "INSERT INTO postings (event_id, webhook, kind, occurred_at, subscriber_id, address, data, state, attempts, "
        f"since, ready_at, fault) SELECT {words['id']}, name, '{kind}', {at}, {who}, "
        f"CASE WHEN with_address THEN {address} END, {words['object']}({data}){words['text']}, "
        f"'waiting', 0, {at}, {at}, '' FROM webhooks WHERE events LIKE '% {kind} %';"
    )


def triggers(dialect: str) -> list[str]:
    """Return the statements that make the triggers."""
    added, moved, removed = "INSERT ON subscribers", "UPDATE OF status ON subscribers", "DELETE ON subscribers"
    came, went, returned = "INSERT ON bounces", "NEW.updated_at", "NEW.recorded_at"
    subscribed, unsubscribed, now = "subscriber.subscribed", "subscriber.unsubscribed", DIALECTS[dialect]["now"]
    told = [
        ("subscribed", added, f"NEW.status IN {HERE}", subscribed, "NEW.created_at", PERSON, NEW_PERSON),
        ("returned", moved, RETURNED, subscribed, went, PERSON, NEW_PERSON),
        ("confirmed", moved, CONFIRMED, "subscriber.confirmed", went, PERSON, NEW_PERSON),
        ("left", moved, LEFT, unsubscribed, went, PERSON, NEW_PERSON),
        ("removed", removed, "1 = 1", unsubscribed, now, REMOVED, OLD_PERSON),
        ("bounced", came, f"{KNOWN} AND NEW.kind <> 'complaint'", "subscriber.bounced", returned, BOUNCE, BOUNCER),
        ("complained", came, f"{KNOWN} AND NEW.kind = 'complaint'", "subscriber.complained", returned, BOUNCE, BOUNCER),
    ]
    return [
        statement
        for name, event, condition, kind, at, data, whom in told
        for statement in made(dialect, name, event, condition, telling(dialect, kind, at, data, whom))
    ]


def at_removal(statement: str) -> str:
    """Return what a removal tells: nothing of who had left before, else that; what was told before loses its words."""
    forgetting = "UPDATE postings SET address = NULL, data = '{}' WHERE subscriber_id = OLD.id; "
    return f"{forgetting}{statement.removesuffix(';')} AND OLD.status IN {HERE};"


def made(dialect: str, name: str, event: str, condition: str, statement: str) -> list[str]:
    """Return the statements that make one trigger."""
    statement = at_removal(statement) if name == "removed" else statement
    if dialect == "sqlite":
        return [f"CREATE TRIGGER tell_{name} AFTER {event} WHEN {condition} BEGIN {statement} END"]
    return [
        f"CREATE FUNCTION tell_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement} RETURN NULL; END $$",
        f"CREATE TRIGGER tell_{name} AFTER {event} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION tell_{name}()",
    ]


def make_tables() -> None:
    """Make the outbox, and what it is written for."""
    op.create_table(
        "webhooks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("with_address", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_webhooks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "postings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'accepted', 'failed')", name=op.f("ck_postings_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
        sa.UniqueConstraint("event_id", name=op.f("uq_postings_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_postings_subscriber_id", "postings", ["subscriber_id"])
    ready = sa.text("ready_at IS NOT NULL")
    op.create_index(
        "ix_postings_ready_at", "postings", ["webhook", "ready_at"], sqlite_where=ready, postgresql_where=ready
    )
    op.create_index("ix_postings_state_since", "postings", ["state", "since"])
    op.create_table(
        "told_issues",
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("issue_date", name=op.f("pk_told_issues")),
        sqlite_with_rowid=False,
    )
