"""Figures for those who watch, each from one range of an index, and what the operator has been told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, tuple_

from newsletter.errors import StoreVersionError
from newsletter.model import Alert, DeliveryState, Readings, SubscriberStatus, SuppressionKind
from newsletter.store.migrate import VERSION_TABLE, newest_version
from newsletter.store.part import Part, chunks
from newsletter.store.schema import alerts, deliveries, papers, reports, subscribers
from newsletter.store.suppressions import counted_suppressions

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

VERSION = select(VERSION_TABLE.c.version_num)


class WatchTables(Part):
    """:class:`newsletter.ports.WatchStore` and :class:`newsletter.ports.ReportStore` over the tables."""

    async def readings(self, since: datetime, now: datetime) -> Readings:
        """Return the figures of one moment; deliveries are counted of those planned since then."""
        async with self.database.read() as connection:
            rows = await connection.execute(_deliveries_by_state(since))
            by_state = {(row.state, row.relay): row.count for row in rows}
            by_status = await _pairs(
                connection, select(subscribers.c.status, func.count()).group_by(subscribers.c.status)
            )
            total = (await connection.execute(select(func.count()).select_from(papers))).scalar_one()
            oldest = (await connection.execute(_oldest_ready(now))).scalar_one()
            issued_at, planned = await _last_issue(connection)
            by_kind = await _pairs(connection, counted_suppressions(now))
        return Readings(
            deliveries={(str(state), ""): 0 for state in DeliveryState} | by_state,
            subscribers={str(status): by_status.get(status, 0) for status in SubscriberStatus},
            papers=total,
            oldest_ready_at=oldest,
            last_issue_at=issued_at,
            last_issue_planned=planned,
            suppressions={str(kind): by_kind.get(kind, 0) for kind in SuppressionKind},
        )

    async def check_schema(self) -> None:
        """Return when the database answers and its schema is this program's; StoreError and kin otherwise."""
        async with self.database.read() as connection:
            version = (await connection.execute(VERSION)).scalar_one_or_none()
        if version != (needed := newest_version()):
            raise StoreVersionError(
                f"{self.database.address.place}: the database is at version {version}, this program needs {needed}; "
                "run `newsletter migrate`, and restart what runs on it"
            )

    async def alerts(self) -> list[Alert]:
        """Return every alert that is remembered, by condition and channel."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(alerts).order_by(alerts.c.condition, alerts.c.channel))
            return [Alert(*row) for row in rows]

    async def last_report(self) -> date | None:
        """Return the newest day of which the operator has a report, or None."""
        async with self.database.read() as connection:
            newest_day: date | None = (await connection.execute(select(func.max(reports.c.day)))).scalar_one()
            return newest_day

    async def claim_report(self, day: date, now: datetime) -> bool:
        """Remember that a day's report is sent; return False when it had been remembered before."""
        new = self.database.insert(reports).on_conflict_do_nothing().returning(reports.c.day)
        async with self.database.write() as connection:
            rows = await connection.execute(new, [{"day": day, "claimed_at": now}])
            return rows.scalar_one_or_none() is not None

    async def drop_report(self, day: date) -> None:
        """Forget that a day's report was sent, so that it is sent again."""
        async with self.database.write() as connection:
            await connection.execute(delete(reports).where(reports.c.day == day))

    async def save_alerts(self, changed: Collection[Alert], over: Collection[Alert]) -> None:
        """Remember ``changed`` in place of what was known of the same condition and channel, and forget ``over``."""
        gone = [(alert.condition, alert.channel) for alert in (*changed, *over)]
        rows = [_row(alert) for alert in changed]
        async with self.database.write() as connection:
            for chunk in chunks(gone):
                key = tuple_(alerts.c.condition, alerts.c.channel)
                await connection.execute(delete(alerts).where(key.in_(chunk)))
            if rows:
                await connection.execute(insert(alerts), rows)


def _row(alert: Alert) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in alerts.c.keys()}  # noqa: SIM118 (the columns are not a dictionary)


async def _pairs(connection: AsyncConnection, query: Select[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in await connection.execute(query)}


def _deliveries_by_state(since: datetime) -> Select[Any]:
    """Naming every state makes each of them one range of the index on state, planning time and relay."""
    states: Sequence[str] = [state.value for state in DeliveryState]
    recent = select(deliveries.c.state, deliveries.c.relay, func.count().label("count")).where(
        deliveries.c.state.in_(states), deliveries.c.planned_at >= since
    )
    return recent.group_by(deliveries.c.state, deliveries.c.relay)


def _oldest_ready(now: datetime) -> Select[Any]:
    return select(func.min(deliveries.c.ready_at)).where(deliveries.c.ready_at <= now)


async def _last_issue(connection: AsyncConnection) -> tuple[datetime | None, int]:
    """Return when deliveries were last planned and how many then: one planning run has one time."""
    newest_at: datetime | None = None
    for state in DeliveryState:  # the end of a range of the index each
        latest = select(func.max(deliveries.c.planned_at)).where(deliveries.c.state == state.value)
        at = (await connection.execute(latest)).scalar_one()
        newest_at = max(filter(None, (newest_at, at)), default=None)
    if newest_at is None:
        return None, 0
    states = [state.value for state in DeliveryState]
    count = select(func.count()).where(deliveries.c.state.in_(states), deliveries.c.planned_at == newest_at)
    return newest_at, (await connection.execute(count)).scalar_one()
