from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url

from newsletter.core.trending import trend
from newsletter.errors import StoreError, StoreVersionError
from newsletter.model import Community, IssueKind, Origin, SubscriberStatus
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import (
    SCRIPTS,
    check_version,
    connect,
    is_empty,
    known_versions,
    make_directory,
    migrate,
    newest_version,
)
from newsletter.store.schema import metadata
from newsletter.store.sql import open_store
from tests.support.databases import PostgresServer, empty_postgres_url, postgres
from tests.support.stored import (
    CONSENT,
    NOW,
    TODAY,
    add_papers,
    add_people,
    arxiv_entry,
    digest_of,
    draft,
    planned,
    succeeded,
)

__all__ = ["PostgresServer", "empty_postgres_url", "postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/newsletter.db"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


FADING = "0006"  # the migration that brought votes which fade
DERIVED = "indexed_words"  # SQLite's full-text index over the words, and its shadow tables


def is_ours(_: object, name: str | None, *rest: object) -> bool:
    """Leave out what the databases derive of the search index by themselves."""
    del rest
    return not (name or "").startswith(DERIVED) and name not in ("vector", "ix_indexed_papers_vector")


OPTIONS = {"compare_type": True, "include_object": is_ours}


def run(url: str, *statements: str) -> None:
    engine = create_engine(make_url(url.replace("postgresql:", "postgresql+psycopg:")))
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


def step(url: str, revision: str) -> None:
    """Bring a database to this revision and no further."""
    address = parse_address(url)
    if address.path is not None:
        make_directory(address.path)
    with connect(address, 5, writing=True, rebuilding=True) as connection:
        configuration = Config()
        configuration.set_main_option("script_location", SCRIPTS)
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)


def shape_of(connection: Connection) -> dict[str, Any]:
    """Return everything that a database says about its tables, with the order and the white space taken out."""
    inspector = inspect(connection)
    shape: dict[str, Any] = {}
    tables = {name for name in inspector.get_table_names() if not name.startswith(DERIVED)}
    for table in sorted(tables - {"alembic_version"}):
        shape[table] = {
            "columns": [(each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(table)],
            "primary": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted(repr(sorted(each.items(), key=str)) for each in inspector.get_foreign_keys(table)),
            "unique": sorted(repr(each["column_names"]) for each in inspector.get_unique_constraints(table)),
            "checks": sorted(re.sub(r"\s+", " ", each["sqltext"]) for each in inspector.get_check_constraints(table)),
            "indexes": sorted(
                repr((each["name"], each["column_names"], each["unique"])) for each in inspector.get_indexes(table)
            ),
        }
    return shape


def test_the_migrated_schema_is_the_one_that_the_program_uses(
    empty_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert migrate(empty_url) == (None, newest_version())
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        assert compare_metadata(context, metadata) == []
        migrated = shape_of(connection)
    engine.dispose()
    other = f"sqlite:///{tmp_path}/other.db"
    server: PostgresServer | None = None
    if "postgresql" in empty_url:
        server = request.getfixturevalue("postgres")
        other = server.address(server.create(empty=True)).replace("postgresql:", "postgresql+psycopg:")
    fresh = create_engine(other)
    metadata.create_all(fresh)
    with fresh.connect() as connection:
        assert shape_of(connection) == migrated
    fresh.dispose()
    if server is not None:
        server.drop(make_url(other).database or "")


def test_the_names_of_the_steps_are_their_versions() -> None:
    configuration = Config()
    configuration.set_main_option("script_location", SCRIPTS)
    chain = [script.revision for script in ScriptDirectory.from_config(configuration).walk_revisions()]
    assert known_versions() == tuple(reversed(chain))


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    assert is_empty(empty_url)
    migrate(empty_url)
    assert not is_empty(empty_url)
    assert migrate(empty_url) == (newest_version(), newest_version())
    assert check_version(empty_url) == newest_version()


@pytest.mark.parametrize("released", known_versions()[:-1])
def test_every_earlier_schema_becomes_the_newest(empty_url: str, released: str) -> None:
    step(empty_url, released)
    with pytest.raises(StoreVersionError, match="run `newsletter migrate`"):
        check_version(empty_url)
    assert migrate(empty_url) == (released, newest_version())
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_database_that_is_not_there_or_empty_says_what_to_run(empty_url: str) -> None:
    with pytest.raises(StoreVersionError, match="run `newsletter migrate`"):
        check_version(empty_url)


def test_a_newer_database_is_left_alone(empty_url: str) -> None:
    migrate(empty_url)
    run(empty_url, "UPDATE alembic_version SET version_num = '9999'")
    for attempt in (check_version, migrate):
        with pytest.raises(StoreVersionError, match="made by a newer newsletter") as raised:
            attempt(empty_url)
        assert "9999" in str(raised.value)


def test_a_database_of_somebody_else_is_left_alone(empty_url: str) -> None:
    migrate(empty_url)
    run(empty_url, "DROP TABLE alembic_version")
    with pytest.raises(StoreError, match="that newsletter did not make"):
        migrate(empty_url)


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        Path(make_url(empty_url).database or "").parent.mkdir()
    run(empty_url, "CREATE TABLE consents (id integer)")
    with pytest.raises(StoreError):
        migrate(empty_url)
    assert is_empty(empty_url)
    run(empty_url, "DROP TABLE consents")
    assert migrate(empty_url) == (None, newest_version())


def test_what_was_sent_before_relays_had_names_is_kept(empty_url: str) -> None:
    step(empty_url, "0002")
    at, day = "'2026-11-24 07:00:00'", "'2026-11-24'"
    person = f"1, 'a@B.Example', 'a@B.Example', 'a@b.example', false, 'active', '', 'UTC', '07:00:00', 'daily', 'monday', '[]', 'en', 'digest', 'store', {at}, {at}"  # noqa: E501
    run(
        empty_url,
        "INSERT INTO subscribers (id, address, address_wire, address_key, needs_smtputf8, status, status_reason, zone,"
        " send_at_local, frequency, weekday, keywords, language, template, origin, created_at, updated_at)"
        f" VALUES ({person})",
        f"INSERT INTO digests (id, content_hash, content, created_at) VALUES (1, 'x', '{{}}', {at})",
        "INSERT INTO papers (id, title, title_letters, abstract, authors, url, first_seen_at, arrival, categories,"
        " announce_type, community, sources, backlog)"
        f" VALUES (5, 't', 't', '', '[]', '', {at}, 1, '[]', 'new', '{{}}', '[]', false)",
        "INSERT INTO deliveries (id, subscriber_id, digest_id, kind, issue_date, state, attempts, message_id, due_at,"
        " planned_at, reply_text, arrival_through, is_unknown, updates)"
        f" VALUES (9, 1, 1, 'digest', {day}, 'accepted', 1, '<m@x>', {at}, {at}, '', 1, false, '[]')",
        "INSERT INTO ledger (subscriber_id, paper_id, delivery_id) VALUES (1, 5, 9)",
        "INSERT INTO attempts (delivery_id, number, started_at, finished_at, outcome, code, text, is_unknown)"
        f" VALUES (9, 1, {at}, {at}, 'accepted', 250, 'Ok', false)",
    )
    migrate(empty_url)
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        kept = connection.execute(
            text(
                "SELECT d.id, d.state, d.relay, a.code, a.connection, l.paper_id, s.domain, i.planned FROM deliveries d"
                " JOIN attempts a ON a.delivery_id = d.id JOIN ledger l ON l.delivery_id = d.id"
                " JOIN subscribers s ON s.id = d.subscriber_id JOIN issues i ON i.issue_date = d.issue_date"
            )
        )
        assert [tuple(row) for row in kept] == [(9, "accepted", "", 250, "", 5, "b.example", 1)]
    engine.dispose()
    with pytest.raises(Exception, match=r"not allowed|may not move"):
        run(empty_url, "UPDATE deliveries SET state = 'planned' WHERE id = 9")


def again(url: str, revision: str, name: str) -> None:
    """Call a function of a migration that was made before."""
    configuration = Config()
    configuration.set_main_option("script_location", SCRIPTS)
    module = ScriptDirectory.from_config(configuration).get_revision(revision).module
    with connect(parse_address(url), 5, writing=True) as connection:
        getattr(module, name)(connection)


async def test_growth_is_filled_from_the_subscribers_that_are_there(empty_url: str) -> None:
    await asyncio.to_thread(migrate, empty_url)
    store = open_store(empty_url)
    people = await add_people(store, "ada", "bob")
    await store.add_subscriber(draft("eve", status=SubscriberStatus.PENDING), CONSENT, Origin.STORE, NOW)
    await store.set_status(people[1], SubscriberStatus.UNSUBSCRIBED, "by page", NOW + timedelta(days=1))
    noted = await store.growth(TODAY, TODAY + timedelta(days=1))
    await asyncio.to_thread(run, empty_url, "DELETE FROM movements")
    await asyncio.to_thread(again, empty_url, "0007", "fill")
    assert await store.growth(TODAY, TODAY + timedelta(days=1)) == noted
    assert [(each.subscribed, each.confirmed, each.left) for each in noted] == [(3, 2, 0), (0, 0, 1)]
    await store.aclose()


async def test_the_archive_is_filled_from_the_digests_that_are_there(empty_url: str) -> None:
    await asyncio.to_thread(migrate, empty_url)
    store = open_store(empty_url)
    papers = await add_papers(store, 3)
    people = await add_people(store, "ada", "bob", "eve")
    tomorrow = digest_of(*papers[1:], day=TODAY + timedelta(days=1))
    welcome = digest_of(papers[0], kind=IssueKind.WELCOME)
    for who, digest in zip(people, (tomorrow, digest_of(papers[1]), welcome), strict=True):
        await store.plan([planned(who, digest)], {}, NOW)
    await store.aclose()
    await asyncio.to_thread(run, empty_url, "DELETE FROM archived_papers")
    await asyncio.to_thread(again, empty_url, "0005", "fill")
    store = open_store(empty_url)
    assert [each.paper_id for each in await store.archived_issue("ml", TODAY)] == [papers[1]]
    assert [each.paper_id for each in await store.archived_issue("ml", TODAY + timedelta(days=1))] == [papers[2]]
    await store.aclose()


async def test_upvotes_become_places_among_the_trending(empty_url: str) -> None:
    await asyncio.to_thread(migrate, empty_url)
    store = open_store(empty_url)
    upvotes = (0, 1, 12, 1_000_000)
    told = [arxiv_entry(number, community=Community(upvotes=each)) for number, each in enumerate(upvotes, start=1)]
    await store.save_collection(succeeded(), told, NOW)
    query = "SELECT papers.id, trend FROM papers JOIN indexed_papers ON paper_id = papers.id ORDER BY papers.id"
    expected = [trend(each, TODAY) for each in upvotes]
    found = []
    async with store.database.read() as connection:
        rows = (await connection.execute(text(query))).all()
        found.append([row.trend for row in rows])
    for row, each in zip(rows, upvotes, strict=True):
        await asyncio.to_thread(run, empty_url, f"UPDATE indexed_papers SET trend = {each} WHERE paper_id = {row.id}")
    await asyncio.to_thread(again, empty_url, FADING, "fade")
    async with store.database.read() as connection:
        found.append([row.trend for row in await connection.execute(text(query))])
    await store.aclose()
    assert found == [expected, expected]


def test_what_was_sent_before_transactional_mails_stays_the_issue_of_its_date(empty_url: str) -> None:
    step(empty_url, "0005")
    at, day = "'2026-11-24 07:00:00'", "'2026-11-24'"
    run(
        empty_url,
        "INSERT INTO subscribers (id, address, address_wire, address_key, needs_smtputf8, status, status_reason, zone,"
        " send_at_local, frequency, weekday, keywords, language, template, origin, created_at, updated_at, domain)"
        " VALUES (1, 'a@b.example', 'a@b.example', 'a@b.example', false, 'active', '', 'UTC', '07:00:00', 'daily',"
        f" 'monday', '[]', 'en', 'digest', 'store', {at}, {at}, 'b.example')",
        f"INSERT INTO digests (id, content_hash, content, created_at) VALUES (1, 'x', '{{}}', {at})",
        "INSERT INTO deliveries (id, subscriber_id, digest_id, kind, issue_date, state, attempts, message_id, due_at,"
        " planned_at, reply_text, arrival_through, is_unknown, updates, relay)"
        f" VALUES (9, 1, 1, 'digest', {day}, 'accepted', 0, '<m@x>', {at}, {at}, '', 1, false, '[]', 'main')",
        f"INSERT INTO issues (issue_date, planned, forgotten, first_planned_at, last_planned_at) VALUES ({day}, 1, 0, {at}, {at})",  # noqa: E501
    )
    migrate(empty_url)
    more = (
        "INSERT INTO deliveries (subscriber_id, digest_id, kind, issue_date, state, attempts, message_id, due_at,"
        " planned_at, reply_text, is_unknown, updates, relay, number)"
        f" VALUES (1, 1, '{{kind}}', {day}, 'planned', 0, '<n@x>', {at}, {at}, '', false, '[]', '', {{number}})"
    )
    for kind, number in (("digest", 0), ("digest", 1), ("confirmation", 0)):
        with pytest.raises(Exception, match=r"(?i)unique|check"):  # one issue a day, and nothing else in its place
            run(empty_url, more.format(kind=kind, number=number))
    run(empty_url, more.format(kind="confirmation", number=1), "DELETE FROM subscribers WHERE id = 1")
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT forgotten FROM issues")).scalar_one() == 2, "each mail is counted"
    engine.dispose()
