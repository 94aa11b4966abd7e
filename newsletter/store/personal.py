"""Everything about one person: all of it shown, all of it erased.

Which tables that is follows from the schema: those that refer to ``subscribers``, and those that refer to these. What
only knows an address is named here; a test holds that no table is forgotten.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, exists, or_, select

from newsletter.errors import NotFoundError
from newsletter.model import Suppression, SuppressionKind, SuppressionReason
from newsletter.store.dialect import PLANNING_LOCK, SUBSCRIBERS_LOCK
from newsletter.store.part import Part, chunks
from newsletter.store.schema import (
    api_requests,
    bounces,
    deliveries,
    digests,
    metadata,
    papers,
    postings,
    subscribers,
    suppressions,
)
from newsletter.store.suppressions import put_suppressions
from newsletter.store.voices import forget_voice

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Column, ColumnElement, Row, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.store.dialect import Database

BY_ADDRESS: Final[Mapping[str, Column[Any]]] = {"suppressions": suppressions.c.value}
"""The tables that know an address's key and no subscriber, by that column."""

BY_NUMBER: Final[Mapping[str, Column[Any]]] = {"postings": postings.c.subscriber_id}
"""The tables that know a subscriber's number and outlive them, by that column: that somebody was removed is still to be
told, and the database takes the address and the words out of what was to be told before.
"""

WRITTEN_IN: Final = (api_requests.c.body, bounces.c.text)
"""The columns in which an address may stand beside other things: answers to programs, kept for a day, and reports that
nobody could be found for.
"""

JSON_COLUMNS: Final = frozenset({"keywords", "updates", "content", "choices", "data"})
OWN_WORDS: Final = '"personal:'  # in a digest's content: sections of somebody's own keywords


class PersonalTables(Part):
    """:class:`newsletter.ports.PersonalStore` over the tables."""

    async def personal_rows(self, subscriber_id: int) -> dict[str, list[dict[str, Any]]]:
        """Return every row about somebody by its table, as JSON takes them; NotFoundError when unknown.

        What was in their mails is among them; rows that name a paper say its title, too.
        """
        async with self.database.read() as connection:
            key = await _address_key(connection, subscriber_id)
            if key is None:
                raise NotFoundError(f"no subscriber with id {subscriber_id}")
            found = {}
            numbered = {name: column == subscriber_id for name, column in BY_NUMBER.items()}
            for name, condition in (conditions(subscriber_id, key) | numbered).items():
                table = metadata.tables[name]
                rows = await connection.execute(select(table).where(condition).order_by(*table.primary_key.columns))
                found[name] = [_document(row) for row in rows]
            await _add_titles(connection, found)
            return found

    async def erase_subscriber(self, subscriber_id: int, now: datetime) -> bool:
        """Forget somebody and everything about them but for a suppression of their address's fingerprint; return
        whether they were there.
        """
        async with self.database.write() as connection:
            await self.database.lock(connection, PLANNING_LOCK)  # whoever plans may be about to use one of the digests
            await self.database.lock(connection, SUBSCRIBERS_LOCK)
            key = await _address_key(connection, subscriber_id)
            if key is None:
                return False
            await forget(self.database, connection, subscriber_id)
            for column in BY_ADDRESS.values():
                await connection.execute(delete(column.table).where(column == key))
            for column in WRITTEN_IN:
                await connection.execute(delete(column.table).where(column.icontains(key, autoescape=True)))
            remains = Suppression(
                SuppressionKind.HASH, self.fingerprints.of(key), SuppressionReason.ERASED, "", "page", now
            )
            await put_suppressions(self.database, connection, [remains])
            return True


async def forget(database: Database, connection: AsyncConnection, subscriber_id: int) -> None:
    """Delete somebody with every row that refers to them, and the digests of keywords that were theirs alone.

    What the papers of a digest were chosen for stands in it. Others with the same keywords share it.
    """
    held = select(deliveries.c.digest_id).where(deliveries.c.subscriber_id == subscriber_id)
    own = select(digests.c.id).where(digests.c.id.in_(held), digests.c.content.contains(OWN_WORDS, autoescape=True))
    ids = [row.id for row in await connection.execute(own)]
    await forget_voice(database, connection, subscriber_id)
    await connection.execute(delete(subscribers).where(subscribers.c.id == subscriber_id))
    is_shared = exists().where(deliveries.c.digest_id == digests.c.id)
    for chunk in chunks(ids):
        await connection.execute(delete(digests).where(digests.c.id.in_(chunk), ~is_shared))


def personal_tables() -> list[Table]:
    """Return the tables whose rows belong to somebody, ``subscribers`` first: by reference, over however many."""
    found = [subscribers]
    for table in metadata.sorted_tables:  # what is referred to comes before what refers
        if table is not subscribers and _references(table, found):
            found.append(table)
    return found


def conditions(subscriber_id: int, address_key: str) -> dict[str, ColumnElement[bool]]:
    """Return by table which of its rows are about somebody."""
    found: dict[str, ColumnElement[bool]] = {"subscribers": subscribers.c.id == subscriber_id}
    tables = personal_tables()
    for table in tables[1:]:
        ways = []
        for column, referred in _references(table, tables):
            theirs = select(referred).where(found[referred.table.name]) if referred.table is not subscribers else None
            ways.append(column == subscriber_id if theirs is None else column.in_(theirs))
        found[table.name] = or_(*ways)
    held = select(deliveries.c.digest_id).where(found["deliveries"])
    found["digests"] = digests.c.id.in_(held)
    found |= {name: column == address_key for name, column in BY_ADDRESS.items()}
    return found


def _references(table: Table, personal: Collection[Table]) -> list[tuple[Column[Any], Column[Any]]]:
    """Return the columns of a table that refer to a personal one, with what they refer to."""
    return [
        (key.parent, key.column)
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        if key.column.table in personal and key.column.table is not table
    ]


async def _address_key(connection: AsyncConnection, subscriber_id: int) -> str | None:
    query = select(subscribers.c.address_key).where(subscribers.c.id == subscriber_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def _add_titles(connection: AsyncConnection, found: Mapping[str, list[dict[str, Any]]]) -> None:
    named = [row for rows in found.values() for row in rows if "paper_id" in row]
    titles: dict[int, str] = {}
    for chunk in chunks({row["paper_id"] for row in named}):
        query = select(papers.c.id, papers.c.title).where(papers.c.id.in_(chunk))
        titles |= {row.id: row.title for row in await connection.execute(query)}
    for row in named:
        row["title"] = titles.get(row["paper_id"])


def _document(row: Row[Any]) -> dict[str, Any]:
    return {name: _plain(name, value) for name, value in row._mapping.items()}  # noqa: SLF001 (SQLAlchemy's public name)


def _plain(name: str, value: Any) -> Any:
    if name in JSON_COLUMNS and isinstance(value, str):
        return json.loads(value)
    return value.isoformat() if isinstance(value, date | datetime | time) else value
