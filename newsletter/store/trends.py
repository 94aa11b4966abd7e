"""The trending order in the search index: written again whenever what it is made of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Date, bindparam, func, select, update

from newsletter.core.trending import trend
from newsletter.model import Community, DayVotes, VoteValue
from newsletter.store.codec import loads
from newsletter.store.part import chunks
from newsletter.store.schema import indexed_papers, papers, votes

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection


def votes_by_day(connection: Connection, paper_ids: Collection[int]) -> dict[int, list[DayVotes]]:
    """Return how our readers voted for papers, day by day; papers without votes are left out."""
    day = func.date(votes.c.voted_at, type_=Date)
    counted: dict[int, list[DayVotes]] = {}
    for chunk in chunks(paper_ids):
        query = select(votes.c.paper_id, day.label("day"), votes.c.value, func.count().label("times"))
        query = query.where(votes.c.paper_id.in_(chunk)).group_by(votes.c.paper_id, day, votes.c.value)
        for row in connection.execute(query):
            is_good = row.value == VoteValue.GOOD.value
            said = DayVotes(row.day, good=row.times) if is_good else DayVotes(row.day, not_for_me=row.times)
            counted.setdefault(row.paper_id, []).append(said)
    return counted


def write_trends(connection: Connection, paper_ids: Collection[int]) -> None:
    """Write where these papers stand among the trending ones."""
    query = select(papers.c.id, papers.c.community, indexed_papers.c.day)
    query = query.join(indexed_papers, indexed_papers.c.paper_id == papers.c.id).where(papers.c.id.in_(paper_ids))
    counted = votes_by_day(connection, paper_ids)
    rows = [
        {"stored_id": row.id, "height": trend(loads(Community, row.community).upvotes or 0, row.day, cast)}
        for row in connection.execute(query)
        for cast in (counted.get(row.id, ()),)
    ]
    if rows:
        statement = update(indexed_papers).where(indexed_papers.c.paper_id == bindparam("stored_id"))
        connection.execute(statement.values(trend=bindparam("height")), rows)
