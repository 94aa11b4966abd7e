"""People: who gets what, when, and since when they agreed to it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import delete, exists, insert, or_, select, update

from newsletter.errors import ConflictError, NotFoundError
from newsletter.model import Consent, Origin, SubscriberStatus
from newsletter.store.dialect import PLANNING_LOCK, SUBSCRIBERS_LOCK
from newsletter.store.part import Part, chunks
from newsletter.store.personal import forget
from newsletter.store.schema import consents, subscribers, subscriptions
from newsletter.store.subscriberrows import DEFAULTS, changed_columns, draft_row, subscriber_of
from newsletter.store.suppressions import erased_among

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from datetime import date, datetime

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.model import Subscriber, SubscriberDraft
    from newsletter.ports.subscribers import Check

Known: TypeAlias = "tuple[Row[Any], Subscriber]"

FINAL_STATUSES: Final = frozenset(
    {SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.BOUNCED, SubscriberStatus.SUPPRESSED}
)
LEFT_THE_FILES: Final = "left the profile files"
ADVICE: Final = "`newsletter subscribers list` shows who is there"


async def with_their_rows(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Subscriber]:
    """Return the subscribers in ``rows``, with their profiles and consent."""
    ids = [row.id for row in rows]
    profiles: dict[int, list[str]] = {subscriber_id: [] for subscriber_id in ids}
    consent: dict[int, Consent] = {}
    for chunk in chunks(ids):
        query = select(subscriptions).where(subscriptions.c.subscriber_id.in_(chunk))
        for row in await connection.execute(query.order_by(subscriptions.c.position)):
            profiles[row.subscriber_id].append(row.profile)
        given = select(consents).where(consents.c.subscriber_id.in_(chunk))
        for row in await connection.execute(given.order_by(consents.c.id)):
            consent[row.subscriber_id] = Consent(row.method, row.given_at, row.proof)  # the newest stands
    unknown = [Consent("unknown", row.created_at) for row in rows]
    return [subscriber_of(row, profiles[row.id], consent.get(row.id, unknown[i])) for i, row in enumerate(rows)]


async def subscribers_by_id(connection: AsyncConnection, subscriber_ids: Collection[int]) -> dict[int, Subscriber]:
    """Return the subscribers with these ids, as of now; unknown ids are left out."""
    found: dict[int, Subscriber] = {}
    for chunk in chunks(dict.fromkeys(subscriber_ids)):
        rows = (await connection.execute(select(subscribers).where(subscribers.c.id.in_(chunk)))).all()
        found.update({subscriber.id: subscriber for subscriber in await with_their_rows(connection, rows)})
    return found


async def id_of(connection: AsyncConnection, address_key: str) -> int | None:
    """Return the id of who has this address, if anybody has."""
    query = select(subscribers.c.id).where(subscribers.c.address_key == address_key)
    return (await connection.execute(query)).scalar_one_or_none()


async def the_row(connection: AsyncConnection, asked: str | int) -> Row[Any]:
    """Return the row of who has this address or id; NotFoundError when nobody has."""
    column = subscribers.c.id if isinstance(asked, int) else subscribers.c.address_key
    row = (await connection.execute(select(subscribers).where(column == asked))).one_or_none()
    if row is None:
        raise NotFoundError(f"no subscriber {f'with id {asked}' if isinstance(asked, int) else asked}; {ADVICE}")
    return row


async def the_one(connection: AsyncConnection, asked: str | int) -> Subscriber:
    """Return who has this address or id; NotFoundError when nobody has."""
    return (await with_their_rows(connection, [await the_row(connection, asked)]))[0]


class SubscriberTables(Part):
    """:class:`newsletter.ports.SubscriberStore` over the tables."""

    async def add_subscriber(
        self, draft: SubscriberDraft, consent: Consent, origin: Origin, now: datetime
    ) -> Subscriber:
        """Add somebody; ConflictError when the address is known."""
        async with self.alone() as connection:
            if await id_of(connection, draft.address.key) is not None:
                raise ConflictError(f"{draft.address} is there already; change it with `newsletter subscribers edit`")
            if draft.status is not SubscriberStatus.PENDING:  # who has yet to confirm may come back by doing so
                await self.refuse_erased(connection, draft, now)
            await self.insert(connection, [draft], consent, origin, now)
            return await the_one(connection, draft.address.key)

    async def edit_subscriber(
        self, address_key: str, draft: SubscriberDraft, now: datetime, check: Check | None = None
    ) -> Subscriber:
        """Change what ``draft`` says; NotFoundError when unknown, ConflictError when its address is somebody else's."""
        async with self.alone() as connection:
            row = await the_row(connection, address_key)
            if await id_of(connection, draft.address.key) not in (None, row.id):
                raise ConflictError(f"{draft.address} belongs to another subscriber; remove that one first")
            before = await the_one(connection, address_key)
            if check is not None:
                check(before)
            await self.change(connection, (row, before), draft, now)
            return await the_one(connection, draft.address.key)

    async def set_status(  # noqa: PLR0913 (the status, why, until when, and on what condition)
        self,
        subscriber_id: int,
        status: SubscriberStatus,
        reason: str,
        now: datetime,
        paused_until: date | None = None,
        *,
        only_from: Collection[SubscriberStatus] | None = None,
        check: Check | None = None,
    ) -> Subscriber:
        """Move somebody to ``status``, if they are in one of ``only_from``, and return them as they are then; the same
        status again changes nothing. NotFoundError when unknown.
        """
        async with self.alone() as connection:
            before = await the_one(connection, subscriber_id)
            if only_from is not None and before.status not in only_from:
                return before
            if check is not None:
                check(before)
            # Who left the files and then unsubscribes by themselves must not come back with the files.
            is_theirs = before.status_reason == LEFT_THE_FILES != reason
            if before.status is status and before.paused_until == paused_until and not is_theirs:
                return before
            values = {"status": status.value, "status_reason": reason, "paused_until": paused_until, "updated_at": now}
            await connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(values))
            return await the_one(connection, subscriber_id)

    async def remove_subscriber(self, address_key: str, check: Check | None = None) -> None:
        """Forget somebody and everything about them; NotFoundError when unknown."""
        async with self.database.write() as connection:
            await self.database.lock(connection, PLANNING_LOCK)  # whoever plans may be about to use one of the digests
            await self.database.lock(connection, SUBSCRIBERS_LOCK)
            if check is not None:
                check(await the_one(connection, address_key))
            await forget(self.database, connection, (await the_row(connection, address_key)).id)

    async def find_subscriber(self, address_key: str) -> Subscriber:
        """Return who has this address (its ``key``); NotFoundError when nobody has."""
        async with self.database.read() as connection:
            return await the_one(connection, address_key)

    async def find_subscribers(self, address_keys: Collection[str]) -> dict[str, Subscriber]:
        """Return those who have these addresses, by ``key``; addresses that nobody has are left out."""
        found: dict[str, Subscriber] = {}
        async with self.database.read() as connection:
            for chunk in chunks(dict.fromkeys(address_keys)):
                rows = (await connection.execute(select(subscribers).where(subscribers.c.address_key.in_(chunk)))).all()
                found.update({each.address.key: each for each in await with_their_rows(connection, rows)})
        return found

    async def subscriber(self, subscriber_id: int) -> Subscriber:
        """Return somebody by id; NotFoundError when unknown."""
        async with self.database.read() as connection:
            return await the_one(connection, subscriber_id)

    async def subscribers(self, subscriber_ids: Collection[int]) -> dict[int, Subscriber]:
        """Return those with these ids; unknown ids are left out."""
        async with self.database.read() as connection:
            return await subscribers_by_id(connection, subscriber_ids)

    async def list_subscribers(
        self,
        *,
        status: SubscriberStatus | None = None,
        profile: str | None = None,
        origin: Origin | None = None,
        text: str | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> list[Subscriber]:
        """Return subscribers by ascending id above ``after_id``; ``text`` is part of an address, in any case."""
        query = select(subscribers).where(subscribers.c.id > after_id).order_by(subscribers.c.id).limit(limit)
        if status is not None:
            query = query.where(subscribers.c.status == status.value)
        if origin is not None:
            query = query.where(subscribers.c.origin == origin.value)
        if profile is not None:
            taken = (subscriptions.c.subscriber_id == subscribers.c.id) & (subscriptions.c.profile == profile)
            query = query.where(exists().where(taken))
        if text:
            forms = (subscribers.c.address_key, subscribers.c.address, subscribers.c.address_wire)
            folded = text.casefold()
            query = query.where(or_(*(form.icontains(folded, autoescape=True) for form in forms)))
        async with self.database.read() as connection:
            return await with_their_rows(connection, (await connection.execute(query)).all())

    async def apply_drafts(
        self, drafts: Sequence[SubscriberDraft], consent: Consent, origin: Origin, now: datetime
    ) -> tuple[int, int, int]:
        """Add or edit many in one transaction; return how many were added, changed, left as they were."""
        added = changed = 0
        async with self.alone() as connection:
            for chunk in chunks(last_by_address(drafts)):
                known = await self.known(connection, chunk)
                new = await self.welcome(connection, [draft for draft in chunk if draft.address.key not in known], now)
                await self.insert(connection, new, consent, origin, now)
                added += len(new)
                for draft in chunk:
                    if draft.address.key in known:
                        changed += await self.change(connection, known[draft.address.key], draft, now)
        return added, changed, len(drafts) - added - changed

    async def sync_file_subscribers(
        self, drafts: Sequence[SubscriberDraft], now: datetime
    ) -> tuple[int, int, int, int]:
        """Make the subscribers of origin ``file`` be exactly ``drafts``; return added, changed, unchanged, removed."""
        consent = Consent("file", now, "named in the profile files")
        added = changed = 0
        async with self.alone() as connection:
            for chunk in chunks(last_by_address(drafts)):
                known = await self.known(connection, chunk)
                new = await self.welcome(connection, [draft for draft in chunk if draft.address.key not in known], now)
                await self.insert(connection, new, consent, Origin.FILE, now)
                added += len(new)
                for draft in chunk:
                    who = known.get(draft.address.key)
                    if who is not None and who[1].origin is Origin.FILE:
                        changed += await self.come_back(connection, who, draft, now)
            removed = await self.leave(connection, {draft.address.key for draft in drafts}, now)
        return added, changed, len(drafts) - added - changed, removed

    async def come_back(self, connection: AsyncConnection, who: Known, draft: SubscriberDraft, now: datetime) -> bool:
        """Change somebody whom the files name; who had only left the files gets mail again. Return if that changed."""
        before = who[1]
        returning = before.status is SubscriberStatus.UNSUBSCRIBED and before.status_reason == LEFT_THE_FILES
        if returning:
            usual = SubscriberStatus.PAUSED if before.paused_until else SubscriberStatus.ACTIVE
            back = {"status": (draft.status or usual).value, "status_reason": "", "updated_at": now}
            await connection.execute(update(subscribers).where(subscribers.c.id == before.id).values(back))
        if before.status in FINAL_STATUSES:
            draft = replace(draft, status=None)
        return await self.change(connection, who, draft, now) or returning

    async def leave(self, connection: AsyncConnection, named: set[str], now: datetime) -> int:
        """Unsubscribe those of the files whom the files no longer name; return how many these were."""
        of_files = select(subscribers.c.id, subscribers.c.address_key).where(
            subscribers.c.origin == Origin.FILE.value,
            subscribers.c.status.not_in([status.value for status in FINAL_STATUSES]),
        )
        gone = [row.id for row in await connection.execute(of_files) if row.address_key not in named]
        left = {"status": SubscriberStatus.UNSUBSCRIBED.value, "status_reason": LEFT_THE_FILES, "updated_at": now}
        for chunk in chunks(gone):
            await connection.execute(update(subscribers).where(subscribers.c.id.in_(chunk)).values(left))
        return len(gone)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection on which nobody else adds or changes people between what we read and what we write."""
        async with self.database.write() as connection:
            await self.database.lock(connection, SUBSCRIBERS_LOCK)
            yield connection

    async def known(self, connection: AsyncConnection, drafts: Sequence[SubscriberDraft]) -> dict[str, Known]:
        """Return those who have the addresses of ``drafts``, by address key."""
        keys = [draft.address.key for draft in drafts]
        rows = (await connection.execute(select(subscribers).where(subscribers.c.address_key.in_(keys)))).all()
        people = await with_their_rows(connection, rows)
        return {row.address_key: (row, who) for row, who in zip(rows, people, strict=True)}

    async def welcome(
        self, connection: AsyncConnection, drafts: Sequence[SubscriberDraft], now: datetime
    ) -> list[SubscriberDraft]:
        """Return ``drafts`` without those of people who had everything about them erased."""
        keys = [draft.address.key for draft in drafts]
        erased = await erased_among(connection, self.fingerprints, keys, now)
        return [draft for draft in drafts if draft.address.key not in erased]

    async def refuse_erased(self, connection: AsyncConnection, draft: SubscriberDraft, now: datetime) -> None:
        """Raise ConflictError when this address's owner had everything about them erased."""
        if not await self.welcome(connection, [draft], now):
            advice = f"if they ask for mail again, `newsletter suppression remove {draft.address}` comes first"
            raise ConflictError(f"the owner of {draft.address} had everything about them erased; {advice}")

    async def insert(
        self,
        connection: AsyncConnection,
        drafts: Sequence[SubscriberDraft],
        consent: Consent,
        origin: Origin,
        now: datetime,
    ) -> None:
        """Store new people with their consent: the proof is their own where the draft has one."""
        if not drafts:
            return
        shared = {**DEFAULTS, "origin": origin.value, "created_at": now, "updated_at": now}
        statement = insert(subscribers).returning(subscribers.c.id, sort_by_parameter_order=True)
        rows = await connection.execute(statement, [shared | draft_row(draft) for draft in drafts])
        ids = [row.id for row in rows]
        given = {"method": consent.method, "given_at": consent.given_at}
        proofs = [draft.proof or consent.proof for draft in drafts]
        agreed = [{"subscriber_id": who, "proof": proof, **given} for who, proof in zip(ids, proofs, strict=True)]
        await connection.execute(insert(consents), agreed)
        taken = [
            row
            for subscriber_id, draft in zip(ids, drafts, strict=True)
            for row in profile_rows(subscriber_id, draft.profiles or ())
        ]
        if taken:
            await connection.execute(insert(subscriptions), taken)

    async def change(self, connection: AsyncConnection, who: Known, draft: SubscriberDraft, now: datetime) -> bool:
        """Store what ``draft`` changes, and return whether it changed anything."""
        row, before = who
        changed = changed_columns(row, draft)
        profiles = before.profiles if draft.profiles is None else tuple(dict.fromkeys(draft.profiles))
        if not changed and profiles == before.profiles:
            return False
        changed["updated_at"] = now
        await connection.execute(update(subscribers).where(subscribers.c.id == before.id).values(changed))
        if profiles != before.profiles:
            await connection.execute(delete(subscriptions).where(subscriptions.c.subscriber_id == before.id))
            if profiles:
                await connection.execute(insert(subscriptions), profile_rows(before.id, profiles))
        return True


def profile_rows(subscriber_id: int, profiles: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows that give somebody these profiles, in this order."""
    return [
        {"subscriber_id": subscriber_id, "profile": profile, "position": position}
        for position, profile in enumerate(dict.fromkeys(profiles))
    ]


def last_by_address(drafts: Sequence[SubscriberDraft]) -> list[SubscriberDraft]:
    """Return one draft per address: what is said last stands."""
    return list({draft.address.key: draft for draft in drafts}.values())
