"""Everything that the first release keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The moves between states that newsletter.core.deliveries allows; a test compares the two.
ALLOWED_MOVES = """
    (OLD.state = 'planned' AND NEW.state IN ('sending', 'suppressed', 'superseded'))
    OR (OLD.state = 'sending'
        AND NEW.state IN ('accepted', 'deferred', 'rejected', 'expired', 'suppressed', 'planned'))
    OR (OLD.state = 'deferred' AND NEW.state IN ('sending', 'suppressed', 'superseded', 'expired'))
    OR (OLD.state IN ('rejected', 'expired') AND NEW.state = 'planned')
"""

SQLITE_TRIGGER = f"""
CREATE TRIGGER deliveries_moves BEFORE UPDATE OF state ON deliveries
WHEN OLD.state <> NEW.state AND NOT ({ALLOWED_MOVES})
BEGIN
    SELECT RAISE(ABORT, 'this move between states of a delivery is not allowed');
END
"""

POSTGRESQL_FUNCTION = """
CREATE FUNCTION refuse_delivery_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a delivery may not move from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
END
$$
"""

POSTGRESQL_TRIGGER = f"""
CREATE TRIGGER deliveries_moves BEFORE UPDATE OF state ON deliveries FOR EACH ROW
WHEN (OLD.state <> NEW.state AND NOT ({ALLOWED_MOVES}))
EXECUTE FUNCTION refuse_delivery_move()
"""


def upgrade() -> None:
    create_sources()
    create_papers()
    create_paper_aliases()
    create_paper_keys()
    create_paper_versions()
    create_sightings()
    create_subscribers()
    create_subscriptions()
    create_consents()
    create_digests()
    create_deliveries()
    create_ledger()
    create_ledger_updates()
    create_attempts()
    if op.get_bind().dialect.name == "sqlite":
        op.execute(SQLITE_TRIGGER)
    else:
        op.execute(POSTGRESQL_FUNCTION)
        op.execute(POSTGRESQL_TRIGGER)


def create_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_new_paper_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("fault_kind", sa.Text(), nullable=True),
        sa.Column("fault_message", sa.Text(), nullable=True),
        sa.Column("fault_retry_after_s", sa.Float(), nullable=True),
        sa.Column("health", sa.Text(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "health IN ('fresh', 'quiet', 'stale', 'throttled', 'broken', 'unchecked')", name=op.f("ck_sources_health")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
    )


def create_papers() -> None:
    op.create_table(
        "papers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_letters", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrival", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("arxiv_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("doi", sa.Text(), nullable=True),
        sa.Column("announce_type", sa.Text(), nullable=False),
        sa.Column("pdf_url", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("journal_reference", sa.Text(), nullable=True),
        sa.Column("community", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("backlog", sa.Boolean(), nullable=False),
        sa.Column("version_arrival", sa.Integer(), nullable=True),
        sa.Column("version_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "announce_type IN ('new', 'cross', 'replace', 'replace-cross')", name=op.f("ck_papers_announce_type")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_papers")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_papers_arrival_id"), "papers", ["arrival", "id"], unique=False)
    op.create_index(op.f("ix_papers_version_arrival"), "papers", ["version_arrival"], unique=False)


def create_paper_aliases() -> None:
    op.create_table(
        "paper_aliases",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_paper_aliases_paper_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_aliases")),
    )
    op.create_index(op.f("ix_paper_aliases_paper_id"), "paper_aliases", ["paper_id"], unique=False)


def create_paper_keys() -> None:
    op.create_table(
        "paper_keys",
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("scheme IN ('arxiv', 'doi', 'url', 'title')", name=op.f("ck_paper_keys_scheme")),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_paper_keys_paper_id")),
        sa.PrimaryKeyConstraint("scheme", "value", name=op.f("pk_paper_keys")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_paper_keys_paper_id"), "paper_keys", ["paper_id"], unique=False)


def create_paper_versions() -> None:
    op.create_table(
        "paper_versions",
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("abstract", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_paper_versions_paper_id")),
        sa.PrimaryKeyConstraint("paper_id", "version", name=op.f("pk_paper_versions")),
    )


def create_sightings() -> None:
    op.create_table(
        "sightings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_sightings_paper_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sightings")),
        sa.UniqueConstraint("source", "entry_id", "version", name=op.f("uq_sightings_source_entry_id_version")),
    )
    op.create_index(op.f("ix_sightings_paper_id"), "sightings", ["paper_id"], unique=False)


def create_subscribers() -> None:
    op.create_table(
        "subscribers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_wire", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("needs_smtputf8", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.Date(), nullable=True),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("send_at_local", sa.Time(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("weekday", sa.Text(), nullable=False),
        sa.Column("keywords", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_issue_date", sa.Date(), nullable=True),
        sa.CheckConstraint("frequency IN ('daily', 'weekdays', 'weekly')", name=op.f("ck_subscribers_frequency")),
        sa.CheckConstraint("origin IN ('store', 'file')", name=op.f("ck_subscribers_origin")),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'paused', 'unsubscribed', 'bounced', 'suppressed')",
            name=op.f("ck_subscribers_status"),
        ),
        sa.CheckConstraint(
            "weekday IN ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')",
            name=op.f("ck_subscribers_weekday"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscribers_address_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_subscribers_origin_id"), "subscribers", ["origin", "id"], unique=False)
    op.create_index(
        "ix_subscribers_due",
        "subscribers",
        ["status", "zone", "send_at_local", "frequency", "weekday", "last_issue_date"],
        unique=False,
    )
    op.create_index(op.f("ix_subscribers_status_id"), "subscribers", ["status", "id"], unique=False)


def create_subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_subscriptions_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "profile", name=op.f("pk_subscriptions")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_subscriptions_profile_subscriber_id"), "subscriptions", ["profile", "subscriber_id"], unique=False
    )


def create_consents() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_consents_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_subscriber_id"), "consents", ["subscriber_id"], unique=False)


def create_digests() -> None:
    op.create_table(
        "digests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digests")),
        sa.UniqueConstraint("content_hash", name=op.f("uq_digests_content_hash")),
    )


def create_deliveries() -> None:
    op.create_table(
        "deliveries",
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
        sa.Column("arrival_through", sa.Integer(), nullable=False),
        sa.Column("is_unknown", sa.Boolean(), nullable=False),
        sa.Column("updates", sa.Text(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('digest', 'welcome', 'quiet')", name=op.f("ck_deliveries_kind")),
        sa.CheckConstraint(
            "state IN ('planned', 'sending', 'deferred', 'accepted', 'rejected', "
            "'expired', 'suppressed', 'superseded')",
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
    op.create_index(op.f("ix_deliveries_digest_id"), "deliveries", ["digest_id"], unique=False)
    op.create_index(op.f("ix_deliveries_issue_date"), "deliveries", ["issue_date"], unique=False)
    op.create_index(op.f("ix_deliveries_lease_owner"), "deliveries", ["lease_owner"], unique=False)
    op.create_index(
        "ix_deliveries_ready_at",
        "deliveries",
        ["ready_at", "id"],
        unique=False,
        sqlite_where=sa.text("ready_at IS NOT NULL"),
        postgresql_where=sa.text("ready_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_deliveries_state_planned_at"), "deliveries", ["state", "planned_at"], unique=False)


def create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_ledger_delivery_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_ledger_paper_id")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_ledger_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "paper_id", name=op.f("pk_ledger")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_ledger_delivery_id"), "ledger", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_ledger_paper_id"), "ledger", ["paper_id"], unique=False)


def create_ledger_updates() -> None:
    op.create_table(
        "ledger_updates",
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_ledger_updates_delivery_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_ledger_updates_paper_id")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_ledger_updates_subscriber_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "paper_id", "version", name=op.f("pk_ledger_updates")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_ledger_updates_delivery_id"), "ledger_updates", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_ledger_updates_paper_id"), "ledger_updates", ["paper_id"], unique=False)


def create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("is_unknown", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'deferred', 'rejected', 'suppressed')", name=op.f("ck_attempts_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_attempts_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )
