"""What readers and curators say of papers, and what that makes of the trending order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, func, select, update

from newsletter.errors import NotFoundError
from newsletter.model import Pick, SavedPaper, Voice, Vote, VoteValue
from newsletter.store.papers import resolve_ids
from newsletter.store.part import Part, chunks
from newsletter.store.schema import ledger, papers, picks, saved_papers, subscribers, voice_changes, votes
from newsletter.store.trends import write_trends

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.store.dialect import Database

COUNTER: Final = 1


class VoiceTables(Part):
    """:class:`newsletter.ports.VoiceStore` over the tables.

    Whoever changes votes takes the rows of subscriber, paper and counter in this order, so that no two wait for each
    other.
    """

    async def cast_vote(self, subscriber_id: int, paper_id: int, value: VoteValue | None, now: datetime) -> None:
        """Note what a reader says of a paper, in place of what they said before; None takes it back."""
        async with self.database.write() as connection:
            await hold_subscriber(connection, subscriber_id)
            stored = await hold_paper(connection, paper_id)
            if value is None:
                changing: Any = delete(votes).where(votes.c.subscriber_id == subscriber_id, votes.c.paper_id == stored)
            else:
                changing = vote_written(self.database, subscriber_id, Vote(stored, value, now))
            if (await connection.execute(changing.returning(votes.c.paper_id))).all():
                await recount(self.database, connection, [stored])

    async def save_paper(self, subscriber_id: int, paper_id: int, now: datetime) -> None:
        """Keep a paper for a reader; again changes nothing."""
        async with self.database.write() as connection:
            await hold_subscriber(connection, subscriber_id)
            stored = await hold_paper(connection, paper_id)
            kept = {"subscriber_id": subscriber_id, "paper_id": stored, "saved_at": now}
            await connection.execute(self.database.insert(saved_papers).values(kept).on_conflict_do_nothing())

    async def unsave_paper(self, subscriber_id: int, paper_id: int) -> None:
        """Let go of a reader's saved paper, whether or not there is one."""
        async with self.database.write() as connection:
            stored = (await resolve_ids(connection, [paper_id]))[paper_id]
            mine = saved_papers.c.subscriber_id == subscriber_id, saved_papers.c.paper_id == stored
            await connection.execute(delete(saved_papers).where(*mine))

    async def voice(self, subscriber_id: int, paper_id: int) -> Voice:
        """Return what a reader has to do with a paper; NotFoundError when there is no such reader."""
        async with self.database.read() as connection:
            await hold_subscriber(connection, subscriber_id, is_read=True)
            stored = (await resolve_ids(connection, [paper_id]))[paper_id]

            async def found(table: Any, column: Any) -> Any:
                mine = table.c.subscriber_id == subscriber_id, table.c.paper_id == stored
                return (await connection.execute(select(column).where(*mine))).scalar()

            vote = await found(votes, votes.c.value)
            return Voice(
                vote=VoteValue(vote) if vote else None,
                is_saved=await found(saved_papers, saved_papers.c.paper_id) is not None,
                was_sent=await found(ledger, ledger.c.paper_id) is not None,
            )

    async def votes_of(self, subscriber_id: int) -> list[Vote]:
        """Return a reader's votes, newest first."""
        query = select(votes).where(votes.c.subscriber_id == subscriber_id)
        query = query.order_by(votes.c.voted_at.desc(), votes.c.paper_id.desc())
        async with self.database.read() as connection:
            rows = await connection.execute(query)
            return [Vote(row.paper_id, VoteValue(row.value), row.voted_at) for row in rows]

    async def saved_papers(self, subscriber_id: int, limit: int, offset: int = 0) -> list[SavedPaper]:
        """Return a stretch of the papers that a reader keeps, newest first."""
        query = select(saved_papers).where(saved_papers.c.subscriber_id == subscriber_id)
        query = query.order_by(saved_papers.c.saved_at.desc(), saved_papers.c.paper_id.desc())
        async with self.database.read() as connection:
            rows = await connection.execute(query.limit(limit).offset(offset))
            return [SavedPaper(row.paper_id, row.saved_at) for row in rows]

    async def pick(self, pick: Pick) -> None:
        """Note a curator's pick; of one that is there, the note alone changes."""
        async with self.database.write() as connection:
            stored = await hold_paper(connection, pick.paper_id)
            made = {"curator": pick.curator, "note": pick.note, "picked_at": pick.picked_at}
            statement = self.database.insert(picks).values(paper_id=stored, **made)
            note = {"note": statement.excluded.note}
            await connection.execute(statement.on_conflict_do_update(index_elements=["paper_id", "curator"], set_=note))
            await count_change(self.database, connection)

    async def remove_pick(self, paper_id: int, curator: str) -> bool:
        """Remove a curator's pick; return whether there was one."""
        async with self.database.write() as connection:
            stored = (await resolve_ids(connection, [paper_id]))[paper_id]
            theirs = picks.c.paper_id == stored, picks.c.curator == curator
            is_gone = bool((await connection.execute(delete(picks).where(*theirs))).rowcount)
            if is_gone:
                await count_change(self.database, connection)
            return is_gone

    async def picks(
        self, *, since: datetime | None = None, curator: str | None = None, limit: int | None = None
    ) -> list[Pick]:
        """Return picks (made since then; by this curator), newest first."""
        query = select(picks).order_by(picks.c.picked_at.desc(), picks.c.paper_id.desc(), picks.c.curator).limit(limit)
        if since is not None:
            query = query.where(picks.c.picked_at >= since)
        if curator is not None:
            query = query.where(picks.c.curator == curator)
        async with self.database.read() as connection:
            return [pick_of(row) for row in await connection.execute(query)]

    async def picks_of(self, paper_ids: Collection[int]) -> dict[int, list[Pick]]:
        """Return the picks of papers by the ids asked for, the first made first; papers without any are left out."""
        found: dict[int, list[Pick]] = {}
        async with self.database.read() as connection:
            stored = await resolve_ids(connection, paper_ids)
            for chunk in chunks(dict.fromkeys(stored.values())):
                query = select(picks).where(picks.c.paper_id.in_(chunk)).order_by(picks.c.picked_at, picks.c.curator)
                for row in await connection.execute(query):
                    found.setdefault(row.paper_id, []).append(pick_of(row))
        return {asked: found[paper_id] for asked, paper_id in stored.items() if paper_id in found}

    async def voice_changes(self) -> int:
        """Return a number that grows whenever votes or picks change."""
        async with self.database.read() as connection:
            return (await connection.execute(select(voice_changes.c.changes))).scalar() or 0


def vote_written(database: Database, subscriber_id: int, vote: Vote) -> Any:
    """Return the statement that notes a vote; it touches no row where the same is noted already."""
    row = {"paper_id": vote.paper_id, "value": vote.value.value, "voted_at": vote.voted_at}
    statement = database.insert(votes).values(subscriber_id=subscriber_id, **row)
    changed = {name: statement.excluded[name] for name in ("value", "voted_at")}
    is_other = votes.c.value != statement.excluded.value
    keys = ["subscriber_id", "paper_id"]
    return statement.on_conflict_do_update(index_elements=keys, set_=changed, where=is_other)


def pick_of(row: Any) -> Pick:
    """Return the pick in a row."""
    return Pick(row.paper_id, row.curator, row.note, row.picked_at)


async def hold_subscriber(connection: AsyncConnection, subscriber_id: int, *, is_read: bool = False) -> None:
    """Keep somebody from being removed until the transaction ends; NotFoundError when they are not there."""
    query = select(subscribers.c.id).where(subscribers.c.id == subscriber_id)
    query = query if is_read else query.with_for_update(read=True)
    if (await connection.execute(query)).scalar() is None:
        raise NotFoundError(f"no subscriber with id {subscriber_id}")


async def hold_paper(connection: AsyncConnection, paper_id: int) -> int:
    """Return the id that a paper is stored under, and keep it so until the transaction ends; NotFoundError without."""
    for _ in range(3):  # while we waited for its row, it may have become part of another
        stored = (await resolve_ids(connection, [paper_id]))[paper_id]
        query = select(papers.c.id).where(papers.c.id == stored).with_for_update()
        if (await connection.execute(query)).scalar() is not None:
            return stored
    raise NotFoundError(f"no paper with id {paper_id}")


async def hold_papers(connection: AsyncConnection, paper_ids: Iterable[int]) -> None:
    """Keep the rows of papers as they are until the transaction ends, in the order in which all take them."""
    ordered = sorted(set(paper_ids))
    for chunk in chunks(ordered):
        query = select(papers.c.id).where(papers.c.id.in_(chunk)).order_by(papers.c.id)
        await connection.execute(query.with_for_update())


async def recount(database: Database, connection: AsyncConnection, paper_ids: Collection[int]) -> None:
    """Bring what is stored of papers' votes, and their places among the trending, in line with the votes."""
    await hold_papers(connection, paper_ids)
    is_good = and_(votes.c.paper_id == papers.c.id, votes.c.value == VoteValue.GOOD.value)
    good = select(func.count()).select_from(votes).where(is_good).scalar_subquery()
    for chunk in chunks(sorted(set(paper_ids))):
        await connection.execute(update(papers).where(papers.c.id.in_(chunk)).values(good_votes=good))
        await connection.run_sync(write_trends, chunk)
    await count_change(database, connection)


async def count_change(database: Database, connection: AsyncConnection) -> None:
    """Tell whoever keeps pages that votes or picks have changed."""
    statement = database.insert(voice_changes).values(id=COUNTER, changes=1)
    more = {"changes": voice_changes.c.changes + 1}
    await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=more))


async def forget_voice(database: Database, connection: AsyncConnection, subscriber_id: int) -> None:
    """Remove somebody's votes and saved papers, before they are removed themselves, and count anew."""
    gone = delete(votes).where(votes.c.subscriber_id == subscriber_id).returning(votes.c.paper_id)
    voted = (await connection.execute(gone)).scalars().all()
    await connection.execute(delete(saved_papers).where(saved_papers.c.subscriber_id == subscriber_id))
    if voted:
        await recount(database, connection, voted)


async def move_voices(connection: AsyncConnection, gone: int, kept: int) -> None:
    """Make what was said of one paper said of another; of what somebody said of both, the newest stands."""
    for table, who, when in (
        (votes, "subscriber_id", "voted_at"),
        (saved_papers, "subscriber_id", "saved_at"),
        (picks, "curator", "picked_at"),
    ):
        own = table.alias("own")
        other = select(own.c.paper_id).where(own.c[who] == table.c[who])
        newer = other.where(own.c.paper_id == gone, own.c[when] > table.c[when])
        await connection.execute(delete(table).where(table.c.paper_id == kept, newer.exists()))
        still = other.where(own.c.paper_id == kept)
        await connection.execute(delete(table).where(table.c.paper_id == gone, still.exists()))
        await connection.execute(update(table).where(table.c.paper_id == gone).values(paper_id=kept))
