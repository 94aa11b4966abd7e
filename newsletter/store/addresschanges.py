"""Moves to another address, which both addresses have to agree to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, update

from newsletter.model import AddressChange, AddressSide, EmailAddress, IssueKind, TransactionalMail
from newsletter.store.dialect import SUBSCRIBERS_LOCK
from newsletter.store.schema import address_changes, bounce_scores, subscribers
from newsletter.store.subscriberrows import address_row
from newsletter.store.suppressions import forget_hash
from newsletter.store.transactional import TransactionalTables

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Subscriber

MOST_A_DAY: Final = 3  # each sends a mail to an address that anybody may have written
A_DAY: Final = timedelta(days=1)
AGREED: Final = {AddressSide.OLD: "old_agreed_at", AddressSide.NEW: "new_agreed_at"}


class AddressChangeTables(TransactionalTables):
    """:class:`newsletter.ports.AddressChangeStore` over the table."""

    async def ask_address(
        self, subscriber: Subscriber, address: EmailAddress, message_ids: tuple[str, str], now: datetime
    ) -> AddressChange | None:
        """Note that somebody wants mail at ``address``, in place of what they asked before, and plan the mails that ask
        the old address and the new one; None, and nothing changed, when they have asked three times within a day.
        """
        async with self.database.write() as connection:
            await self.database.lock(connection, SUBSCRIBERS_LOCK)
            before = await _row(connection, address_changes.c.subscriber_id == subscriber.id)
            is_recent = before is not None and now - before.asked_first_at < A_DAY
            times = before.asked_times if before is not None and is_recent else 0
            if times >= MOST_A_DAY:
                return None
            first_at = before.asked_first_at if before is not None and is_recent else now
            change_id = await _put(connection, subscriber.id, address, now, first_at, times + 1)
            change = AddressChange(change_id, subscriber.id, address, now)
            await self.put_transactional(connection, _mails(change, subscriber.language, message_ids), now)
            return change

    async def address_change(self, change_id: int) -> AddressChange | None:
        """Return the move of this number, None when it was refused, or something else was asked for since."""
        async with self.database.read() as connection:
            row = await _row(connection, address_changes.c.id == change_id)
        return None if row is None else _change_of(row)

    async def agree_to_address(self, change_id: int, side: AddressSide, now: datetime) -> bool:
        """Note that one side agrees to a move; when both have, make it.

        Return whether mail goes to the new address now; saying so again changes nothing. Where that is another
        subscriber's, it does not, as if the other side had not agreed: nobody learns from it who is there.
        """
        async with self.database.write() as connection:
            await self.database.lock(connection, SUBSCRIBERS_LOCK)
            mine = address_changes.c.id == change_id
            row = await _row(connection, mine)
            if row is None or row.refused_at is not None:
                return False
            column = address_changes.c[AGREED[side]]
            await connection.execute(update(address_changes).where(mine, column.is_(None)).values({AGREED[side]: now}))
            change = _agreed(_change_of(row), side, now)
            if change.old_agreed_at is None or change.new_agreed_at is None:
                return False
            return await self._move(connection, change, now)

    async def refuse_address(self, change_id: int, now: datetime) -> bool:
        """End a move, so that nobody can agree to it; return whether there was one that is not made yet."""
        async with self.database.write() as connection:
            mine = address_changes.c.id == change_id
            row = await _row(connection, mine)
            if row is None or await _owner(connection, row.address_key) == row.subscriber_id:
                return False
            await connection.execute(update(address_changes).where(mine).values(refused_at=now))
            return True

    async def _move(self, connection: AsyncConnection, change: AddressChange, now: datetime) -> bool:
        owner = await _owner(connection, change.address.key)
        if owner is None:
            who = change.subscriber_id
            values = address_row(change.address) | {"updated_at": now}
            await connection.execute(update(subscribers).where(subscribers.c.id == who).values(values))
            await connection.execute(delete(bounce_scores).where(bounce_scores.c.subscriber_id == who))
            await forget_hash(connection, self.fingerprints.of(change.address.key))  # its owner asks for mail again
        return owner in (None, change.subscriber_id)


async def _put(
    connection: AsyncConnection, who: int, address: EmailAddress, now: datetime, first_at: datetime, times: int
) -> int:
    """Store a move in place of the one before, and return its number: links to that one are worth nothing now."""
    await connection.execute(delete(address_changes).where(address_changes.c.subscriber_id == who))
    values = {"subscriber_id": who, "asked_at": now, "asked_first_at": first_at, "asked_times": times}
    wanted = address_row(address)
    del wanted["domain"]
    added = insert(address_changes).values(values | wanted).returning(address_changes.c.id)
    return int((await connection.execute(added)).scalar_one())


def _mails(change: AddressChange, language: str, message_ids: tuple[str, str]) -> list[TransactionalMail]:
    recipients = (None, change.address)
    return [
        TransactionalMail(
            change.subscriber_id, IssueKind.ADDRESS_CHANGE, message_id, language, recipient, change.reference(side)
        )
        for message_id, recipient, side in zip(message_ids, recipients, AddressSide, strict=True)
    ]


async def _row(connection: AsyncConnection, condition: Any) -> Row[Any] | None:
    return (await connection.execute(select(address_changes).where(condition))).one_or_none()


async def _owner(connection: AsyncConnection, address_key: str) -> int | None:
    query = select(subscribers.c.id).where(subscribers.c.address_key == address_key)
    return (await connection.execute(query)).scalar_one_or_none()


def _agreed(change: AddressChange, side: AddressSide, now: datetime) -> AddressChange:
    if side is AddressSide.OLD:
        return replace(change, old_agreed_at=change.old_agreed_at or now)
    return replace(change, new_agreed_at=change.new_agreed_at or now)


def _change_of(row: Row[Any]) -> AddressChange:
    return AddressChange(
        id=row.id,
        subscriber_id=row.subscriber_id,
        address=EmailAddress(row.address, row.address_wire, row.address_key, row.needs_smtputf8),
        asked_at=row.asked_at,
        old_agreed_at=row.old_agreed_at,
        new_agreed_at=row.new_agreed_at,
        refused_at=row.refused_at,
    )
