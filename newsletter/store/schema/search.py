"""The search index: what each paper says in normalised words, and every word that any of them holds.

The words are ours (:mod:`newsletter.core.index_words`). What the databases make of them (an FTS5 table, a tsvector)
follows from ``indexed_papers`` by itself, and so is no table of the program's.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import DDL, BigInteger, Column, Date, ForeignKey, Index, Integer, Table, Text, event

from newsletter.store.schema.columns import metadata, required

# PostgreSQL would otherwise sort as people do, and could not find by beginnings.
Coded = Text().with_variant(Text(collation="C"), "postgresql")

indexed_papers = Table(
    "indexed_papers",
    metadata,
    # By time, then id (newsletter.core.index_words.position_of): the newest are found first without sorting.
    Column(
        "position",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    required("paper_id", Integer, ForeignKey("papers.id"), unique=True),
    required("day", Date),
    required("trend", Integer),  # newsletter.core.trending
    required("tokens", Text),
    Index(None, "day", "trend", "position"),
)

vocabulary = Table(
    "vocabulary",
    metadata,
    Column("word", Coded, primary_key=True),
    Column("stem", Coded, primary_key=True),
    sqlite_with_rowid=False,
)

WORDS_TABLE: Final = "indexed_words"

# Equal to what migration 0004 does; a test compares the two.
SQLITE: Final = (
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
POSTGRESQL: Final = (
    (
        "ALTER TABLE indexed_papers ADD COLUMN vector tsvector "
        "GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, tokens)) STORED"
    ),
    # The long columns lie elsewhere, so that counting and sorting touch a few pages only.
    (
        "ALTER TABLE indexed_papers ALTER COLUMN tokens SET STORAGE EXTERNAL, "
        "ALTER COLUMN vector SET STORAGE EXTERNAL, SET (toast_tuple_target = 128)"
    ),
    "CREATE INDEX ix_indexed_papers_vector ON indexed_papers USING gin (vector) WITH (fastupdate = off)",
)
for dialect, statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
    for statement in statements:
        ddl = DDL(statement)  # type: ignore[no-untyped-call]
        event.listen(indexed_papers, "after_create", ddl.execute_if(dialect=dialect))
