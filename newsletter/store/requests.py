"""Requests with an idempotency key: one row each, taken by who comes first."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, select, update

from newsletter.model import KeptAnswer, RequestPhase, RequestStanding
from newsletter.store.part import Part
from newsletter.store.schema import api_requests

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Row

    from newsletter.model import KeyedRequest

KEPT: Final = timedelta(hours=24)
HELD: Final = timedelta(minutes=1)  # far longer than any request takes


class RequestTables(Part):
    """:class:`newsletter.ports.RequestStore` over the table."""

    async def begin_request(self, request: KeyedRequest, now: datetime) -> RequestStanding:
        """Say how a request stands, and hold its key for whoever may carry it out."""
        values = {"content_hash": request.content_hash, "started_at": now, "held_until": now + HELD}
        row = {"token": request.token, "key": request.key, **values, "headers": "{}", "body": ""}
        async with self.database.write() as connection:
            await connection.execute(delete(api_requests).where(api_requests.c.started_at <= now - KEPT))
            first = self.database.insert(api_requests).values(row).on_conflict_do_nothing()
            if (await connection.execute(first.returning(api_requests.c.key))).scalar_one_or_none() is not None:
                return RequestStanding(RequestPhase.NEW, now)
            known = (await connection.execute(select(api_requests).where(same(request)).with_for_update())).one()
            standing = standing_of(known, request, now)
            if standing.phase is RequestPhase.RESUMED:
                again = update(api_requests).where(same(request)).values(held_until=now + HELD)
                await connection.execute(again)
            return standing

    async def finish_request(self, request: KeyedRequest, answer: KeptAnswer) -> None:
        """Keep the answer of a request that has begun."""
        values = {"status": answer.status, "headers": json.dumps(dict(answer.headers)), "body": answer.body}
        async with self.database.write() as connection:
            await connection.execute(update(api_requests).where(same(request)).values(values))

    async def abandon_request(self, request: KeyedRequest) -> None:
        """Give back the key of a request that has begun and changed nothing."""
        async with self.database.write() as connection:
            unanswered = and_(same(request), api_requests.c.status.is_(None))
            await connection.execute(delete(api_requests).where(unanswered))


def same(request: KeyedRequest) -> ColumnElement[bool]:
    """Return the condition that a row is this request's."""
    return and_(api_requests.c.token == request.token, api_requests.c.key == request.key)


def standing_of(row: Row[Any], request: KeyedRequest, now: datetime) -> RequestStanding:
    """Return how a request stands whose key is known."""
    if row.content_hash != request.content_hash:
        return RequestStanding(RequestPhase.OTHER, row.started_at)
    if row.status is not None:
        return RequestStanding(
            RequestPhase.ANSWERED, row.started_at, KeptAnswer(row.status, json.loads(row.headers), row.body)
        )
    phase = RequestPhase.UNDER_WAY if now < row.held_until else RequestPhase.RESUMED
    return RequestStanding(phase, row.started_at)
