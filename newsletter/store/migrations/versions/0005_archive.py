"""A public archive of issues, filled from the digests that are there."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BATCH = 100  # digests in memory at a time


def upgrade() -> None:
    op.create_table(
        "archived_papers",
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["papers.id"], name=op.f("fk_archived_papers_paper_id")),
        sa.PrimaryKeyConstraint("profile", "paper_id", name=op.f("pk_archived_papers")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_archived_papers_issue_date_profile", "archived_papers", ["issue_date", "profile"])
    op.create_index("ix_archived_papers_profile_issue_date", "archived_papers", ["profile", "issue_date"])
    op.create_index("ix_archived_papers_paper_id", "archived_papers", ["paper_id"])
    fill(op.get_bind())


def fill(connection: sa.Connection) -> None:
    """Note the first issue of each profile that brought each paper; welcomes look back, and do not count."""
    last = 0
    newest = sa.text("SELECT id, content FROM digests WHERE id > :last ORDER BY id LIMIT :most")
    while rows := connection.execute(newest, {"last": last, "most": BATCH}).all():
        last = rows[-1].id
        values = [row for digest in rows for row in rows_of(json.loads(digest.content))]
        if values:
            connection.execute(INSERT, values)


# Papers that were united since stand under the id that they have now.
INSERT = sa.text(
    "INSERT INTO archived_papers (profile, paper_id, issue_date, topic, score) "
    "SELECT :profile, papers.id, :issue_date, :topic, :score FROM papers WHERE papers.id = "
    "COALESCE((SELECT paper_id FROM paper_aliases WHERE paper_aliases.id = :paper_id), :paper_id) "
    "ON CONFLICT (profile, paper_id) DO UPDATE SET issue_date = excluded.issue_date, topic = excluded.topic, "
    "score = excluded.score WHERE excluded.issue_date < archived_papers.issue_date"
).bindparams(
    sa.bindparam("profile", type_=sa.Text()),
    sa.bindparam("paper_id", type_=sa.Integer()),
    sa.bindparam("issue_date", type_=sa.Date()),
    sa.bindparam("topic", type_=sa.Text()),
    sa.bindparam("score", type_=sa.Float()),
)


def rows_of(digest: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each paper that a digest brought for a profile."""
    if digest.get("kind") != "digest":
        return []
    return [
        {
            "profile": section["profile"],
            "paper_id": paper["paper_id"],
            "issue_date": date.fromisoformat(digest["issue_date"]),
            "topic": section["topic"],
            "score": paper["score"],
        }
        for section in digest["sections"]
        if not section["profile"].startswith("personal:")
        for paper in section["papers"]
        if not paper.get("is_update")
    ]
