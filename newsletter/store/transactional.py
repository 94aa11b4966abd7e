"""Transactional mails: stored beside the issues, in the same transaction as what they answer, and sent before them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from newsletter.model import DeliveryState, Digest
from newsletter.store.accounting import count_planned
from newsletter.store.deliveryrows import transactional_row
from newsletter.store.part import chunks
from newsletter.store.planning import PlanningTables, hold_people
from newsletter.store.schema import deliveries
from newsletter.store.waking import notify

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import TransactionalMail

WAITING = (DeliveryState.PLANNED.value, DeliveryState.DEFERRED.value)


class TransactionalTables(PlanningTables):
    """The transactional half of :class:`newsletter.ports.DeliveryStore`."""

    async def plan_transactional(self, mails: Sequence[TransactionalMail], now: datetime) -> int:
        """Store mails that are due at once; return how many, without those whose subscribers are gone."""
        async with self.database.write() as connection:
            return await self.put_transactional(connection, mails, now)

    async def put_transactional(
        self, connection: AsyncConnection, mails: Sequence[TransactionalMail], now: datetime
    ) -> int:
        """Store mails within a transaction of somebody's, which should do little after it: others wait for its rows.

        One that still waits, of the same kind and to the same address, is superseded: nobody gets a backlog of links.
        """
        known = await hold_people(connection, {mail.subscriber_id for mail in mails})
        wanted = [mail for mail in mails if mail.subscriber_id in known]
        if not wanted:
            return 0
        for mail in wanted:
            await supersede_alike(connection, mail, now)
        listed = {language_and_kind(mail): digest_for(mail, now.date()) for mail in wanted}
        digest_ids = await self.store_digests(connection, list(listed.values()), now)
        numbers = await last_numbers(connection, known, now.date())
        rows: list[dict[str, Any]] = []
        for mail in wanted:
            numbers[mail.subscriber_id] += 1
            digest_id = digest_ids[id(listed[language_and_kind(mail)])]
            rows.append(transactional_row(mail, digest_id, numbers[mail.subscriber_id], now))
        await connection.execute(insert(deliveries), rows)
        await count_planned(self.database, connection, {now.date(): len(rows)}, now)
        await notify(self.database, connection)
        return len(rows)


def digest_for(mail: TransactionalMail, day: date) -> Digest:
    """Return what a transactional mail says to everybody who gets one of its kind that day."""
    return Digest(mail.kind, day, (), considered=0, language=mail.language)


def language_and_kind(mail: TransactionalMail) -> tuple[str, str]:
    """Return what equal mails have in common."""
    return mail.language, mail.kind.value


async def supersede_alike(connection: AsyncConnection, mail: TransactionalMail, now: datetime) -> None:
    """End what still waits to tell the same person the same; what may have arrived is sent again as it was."""
    recipient = mail.recipient.text if mail.recipient else None
    ended = {"state": DeliveryState.SUPERSEDED.value, "finished_at": now, "ready_at": None}
    alike = update(deliveries).where(
        deliveries.c.subscriber_id == mail.subscriber_id,
        deliveries.c.kind == mail.kind.value,
        deliveries.c.recipient.is_not_distinct_from(recipient),
        deliveries.c.state.in_(WAITING),
        deliveries.c.is_unknown.is_(False),
    )
    await connection.execute(alike.values(ended))


async def last_numbers(connection: AsyncConnection, people: Collection[int], day: date) -> Counter[int]:
    """Return the highest number that each of these people's deliveries of a day has."""
    query = select(deliveries.c.subscriber_id, func.max(deliveries.c.number).label("last"))
    query = query.where(deliveries.c.issue_date == day).group_by(deliveries.c.subscriber_id)
    found: Counter[int] = Counter()
    for chunk in chunks(sorted(people)):
        for row in await connection.execute(query.where(deliveries.c.subscriber_id.in_(chunk))):
            found[row.subscriber_id] = row.last
    return found
