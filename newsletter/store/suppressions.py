"""Addresses and domains that nobody writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, func, or_, select, tuple_

from newsletter.model import Suppression, SuppressionKind, SuppressionReason
from newsletter.store.part import Part, chunks
from newsletter.store.schema import subscribers, suppressions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Row, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.core.fingerprint import Fingerprints
    from newsletter.model import EmailAddress
    from newsletter.store.dialect import Database

KEY = tuple_(suppressions.c.kind, suppressions.c.value)


class SuppressionTables(Part):
    """:class:`newsletter.ports.SuppressionStore` over the table."""

    async def suppressed(self, addresses: Collection[EmailAddress], now: datetime) -> Mapping[str, Suppression]:
        """Return what suppresses these addresses, by their keys: the address's own suppression, else its
        domain's, else that of its fingerprint.
        """
        of_addresses, of_domains = {address.key for address in addresses}, {address.domain for address in addresses}
        async with self.database.read() as connection:
            own = await suppressions_among(connection, SuppressionKind.ADDRESS, of_addresses, now)
            erased = await erased_among(connection, self.fingerprints, of_addresses, now)
            domains = await suppressions_among(connection, SuppressionKind.DOMAIN, of_domains, now)
        found = {
            address.key: own.get(address.key) or domains.get(address.domain) or erased.get(address.key)
            for address in addresses
        }
        return {key: suppression for key, suppression in found.items() if suppression is not None}

    async def erased(self, address_keys: Collection[str], now: datetime) -> Mapping[str, Suppression]:
        """Return by key which of these addresses' owners had everything about them erased."""
        async with self.database.read() as connection:
            return await erased_among(connection, self.fingerprints, address_keys, now)

    async def find_suppressions(
        self, values: Collection[tuple[SuppressionKind, str]]
    ) -> dict[tuple[SuppressionKind, str], Suppression]:
        """Return those of these suppressions that there are, expired ones too."""
        found: dict[tuple[SuppressionKind, str], Suppression] = {}
        async with self.database.read() as connection:
            for chunk in chunks([(kind.value, value) for kind, value in values]):
                for row in await connection.execute(select(suppressions).where(KEY.in_(chunk))):
                    each = suppression_of(row)
                    found[each.kind, each.value] = each
        return found

    async def suppress(self, given: Sequence[Suppression]) -> int:
        """Keep suppressions in place of what was known of the same address or domain; return how many were new."""
        async with self.database.write() as connection:
            return await put_suppressions(self.database, connection, given)

    async def unsuppress(self, values: Collection[tuple[SuppressionKind, str]]) -> int:
        """Forget suppressions; return how many there were."""
        forgotten = 0
        async with self.database.write() as connection:
            for chunk in chunks([(kind.value, value) for kind, value in values]):
                forgotten += (await connection.execute(delete(suppressions).where(KEY.in_(chunk)))).rowcount
        return forgotten

    async def list_suppressions(
        self, *, text: str | None = None, after: tuple[SuppressionKind, str] | None = None, limit: int | None = None
    ) -> list[Suppression]:
        """Return suppressions, expired ones too, ordered by kind and value; ``text`` is part of the value."""
        kind, value = suppressions.c.kind, suppressions.c.value
        query = select(suppressions).order_by(kind, value).limit(limit)
        if text:
            query = query.where(value.icontains(text.casefold(), autoescape=True))
        if after is not None:
            query = query.where(or_(kind > after[0].value, (kind == after[0].value) & (value > after[1])))
        async with self.database.read() as connection:
            return [suppression_of(row) for row in await connection.execute(query)]

    async def count_suppressions(self, now: datetime) -> dict[SuppressionKind, int]:
        """Return how many are in force, by kind."""
        async with self.database.read() as connection:
            rows = await connection.execute(counted_suppressions(now))
            counts = {SuppressionKind(kind): count for kind, count in rows}
        return {kind: counts.get(kind, 0) for kind in SuppressionKind}


async def suppressions_among(
    connection: AsyncConnection, kind: SuppressionKind, values: Collection[str], now: datetime
) -> dict[str, Suppression]:
    """Return the suppressions of a kind that are in force, by value."""
    found: dict[str, Suppression] = {}
    query = select(suppressions).where(suppressions.c.kind == kind.value, in_force(now))
    for chunk in chunks(values):
        for row in await connection.execute(query.where(suppressions.c.value.in_(chunk))):
            found[row.value] = suppression_of(row)
    return found


async def erased_among(
    connection: AsyncConnection, fingerprints: Fingerprints, address_keys: Collection[str], now: datetime
) -> dict[str, Suppression]:
    """Return by key which of these addresses' owners had everything about them erased."""
    is_hash = suppressions.c.kind == SuppressionKind.HASH.value
    if (await connection.execute(select(1).where(is_hash).limit(1))).first() is None:
        return {}  # as almost always: nothing is hashed
    keys = {fingerprints.of(key): key for key in address_keys}
    found = await suppressions_among(connection, SuppressionKind.HASH, keys, now)
    return {keys[value]: suppression for value, suppression in found.items()}


async def forget_hash(connection: AsyncConnection, fingerprint: str) -> None:
    """Forget that whoever has this fingerprint had everything erased."""
    of_them = (suppressions.c.kind == SuppressionKind.HASH.value) & (suppressions.c.value == fingerprint)
    await connection.execute(delete(suppressions).where(of_them))


def in_force(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a suppression has not expired at ``now``."""
    return or_(suppressions.c.expires_at.is_(None), suppressions.c.expires_at > now)


def counted_suppressions(now: datetime) -> Select[Any]:
    """Return the query for how many are in force at ``now``, by kind."""
    return select(suppressions.c.kind, func.count()).where(in_force(now)).group_by(suppressions.c.kind)


def not_suppressed(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that nothing suppresses a subscriber's address at ``now``: two look-ups by key a row."""
    of_address = (suppressions.c.kind == SuppressionKind.ADDRESS.value) & (
        suppressions.c.value == subscribers.c.address_key
    )
    of_domain = (suppressions.c.kind == SuppressionKind.DOMAIN.value) & (suppressions.c.value == subscribers.c.domain)
    return ~exists().where(of_address, in_force(now)), ~exists().where(of_domain, in_force(now))


async def put_suppressions(database: Database, connection: AsyncConnection, given: Sequence[Suppression]) -> int:
    """Write suppressions over those of the same addresses and domains; return how many were new."""
    rows = {(each.kind.value, each.value): suppression_row(each) for each in given}
    known = 0
    for chunk in chunks(rows):
        found = await connection.execute(select(func.count()).select_from(suppressions).where(KEY.in_(chunk)))
        known += found.scalar_one()
        statement = database.insert(suppressions)
        changed = {name: statement.excluded[name] for name in rows[chunk[0]] if name not in ("kind", "value")}
        kept = statement.on_conflict_do_update(index_elements=["kind", "value"], set_=changed)
        await connection.execute(kept, [rows[key] for key in chunk])
    return len(rows) - known


def suppression_row(suppression: Suppression) -> dict[str, Any]:
    """Return a suppression as a row."""
    return {
        "kind": suppression.kind.value,
        "value": suppression.value,
        "reason": suppression.reason.value,
        "detail": suppression.detail,
        "source": suppression.source,
        "created_at": suppression.created_at,
        "expires_at": suppression.expires_at,
    }


def suppression_of(row: Row[Any]) -> Suppression:
    """Return the suppression in a row."""
    return Suppression(
        kind=SuppressionKind(row.kind),
        value=row.value,
        reason=SuppressionReason(row.reason),
        detail=row.detail,
        source=row.source,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
