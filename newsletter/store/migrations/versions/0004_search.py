"""A search index over all papers; :func:`newsletter.store.migrate.migrate` fills it when all steps are done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SQLITE = (
    (
        "CREATE VIRTUAL TABLE indexed_words USING fts5("
        "tokens, content='indexed_papers', content_rowid='position', columnsize=0, tokenize='ascii')"
    ),
    (
        "CREATE TRIGGER indexed_papers_added AFTER INSERT ON indexed_papers BEGIN "
        "INSERT INTO indexed_words (rowid, tokens) VALUES (NEW.position, NEW.tokens); END"
    ),
    (
        "CREATE TRIGGER indexed_papers_removed AFTER DELETE ON indexed_papers BEGIN "
        "INSERT INTO indexed_words (indexed_words, rowid, tokens) VALUES ('delete', OLD.position, OLD.tokens); END"
    ),
    (
        "CREATE TRIGGER indexed_papers_changed AFTER UPDATE OF position, tokens ON indexed_papers BEGIN "
        "INSERT INTO indexed_words (indexed_words, rowid, tokens) VALUES ('delete', OLD.position, OLD.tokens); "
        "INSERT INTO indexed_words (rowid, tokens) VALUES (NEW.position, NEW.tokens); END"
    ),
)
POSTGRESQL = (
    (
        "ALTER TABLE indexed_papers ADD COLUMN vector tsvector "
        "GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, tokens)) STORED"
    ),
    (
        "ALTER TABLE indexed_papers ALTER COLUMN tokens SET STORAGE EXTERNAL, "
        "ALTER COLUMN vector SET STORAGE EXTERNAL, SET (toast_tuple_target = 128)"
    ),
    "CREATE INDEX ix_indexed_papers_vector ON indexed_papers USING gin (vector) WITH (fastupdate = off)",
)


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    create_indexed_papers()
    coded = sa.Text() if is_sqlite else sa.Text(collation="C")
    op.create_table(
        "vocabulary",
        sa.Column("word", coded, nullable=False),
        sa.Column("stem", coded, nullable=False),
        sa.PrimaryKeyConstraint("word", "stem", name=op.f("pk_vocabulary")),
        sqlite_with_rowid=False,
    )
    for statement in SQLITE if is_sqlite else POSTGRESQL:
        op.execute(statement)


def create_indexed_papers() -> None:
    op.create_table(
        "indexed_papers",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_indexed_papers_paper_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_indexed_papers")),
        sa.UniqueConstraint("paper_id", name=op.f("uq_indexed_papers_paper_id")),
    )
    op.create_index("ix_indexed_papers_day_votes_position", "indexed_papers", ["day", "votes", "position"])
