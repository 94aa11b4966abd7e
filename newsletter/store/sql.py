"""The store as the rest of the program has it: one class, one database."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from newsletter.core.fingerprint import Fingerprints
from newsletter.errors import StoreBusyError
from newsletter.store.accounting import AccountingTables
from newsletter.store.addresschanges import AddressChangeTables
from newsletter.store.bounces import BounceTables
from newsletter.store.clicks import ClickTables
from newsletter.store.collection import PaperTables
from newsletter.store.deliveries import DeliveryTables
from newsletter.store.departures import DepartureTables
from newsletter.store.dialect import BUSY_TIMEOUT_S, COLLECTING_LOCK, WAITS_LONG, Database, parse_address
from newsletter.store.history import HistoryTables
from newsletter.store.issuearchive import IssueArchive
from newsletter.store.limits import LimitTables
from newsletter.store.listing import ListingTables
from newsletter.store.operation import OperationTables
from newsletter.store.personal import PersonalTables
from newsletter.store.ranges import RangeTables
from newsletter.store.requests import RequestTables
from newsletter.store.schedules import ScheduleTables
from newsletter.store.searching import SearchTables
from newsletter.store.signups import SignupTables
from newsletter.store.suppressions import SuppressionTables
from newsletter.store.voices import VoiceTables
from newsletter.store.waking import notifications
from newsletter.store.watching import WatchTables
from newsletter.store.webhooks import WebhookTables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class SqlStore(
    PaperTables,
    SearchTables,
    IssueArchive,
    SignupTables,
    ClickTables,
    DepartureTables,
    AddressChangeTables,
    PersonalTables,
    DeliveryTables,
    AccountingTables,
    ListingTables,
    OperationTables,
    ScheduleTables,
    RangeTables,
    LimitTables,
    WatchTables,
    BounceTables,
    SuppressionTables,
    VoiceTables,
    HistoryTables,
    RequestTables,
    WebhookTables,
):
    """:class:`newsletter.ports.Store` over SQLite or PostgreSQL."""

    @asynccontextmanager
    async def collecting(self) -> AsyncIterator[bool]:
        """Yield whether we may collect, for as long as the context lasts: one at a time does, on one database.

        Who may not waits until the other is done, as long as for any lock: what it brings belongs into the issues that
        are planned next.
        """
        if self.database.is_sqlite:  # where one process holds the store
            yield True
            return
        async with self.database.write() as connection:
            await connection.execute(WAITS_LONG)
            alone = await connection.execute(select(func.pg_try_advisory_xact_lock(COLLECTING_LOCK)))
            is_ours = bool(alone.scalar_one())
            if is_ours:
                yield True
        if not is_ours:
            await self._wait_for_collection()
            yield False

    async def _wait_for_collection(self) -> None:
        with suppress(StoreBusyError):  # a source that is slow to answer; its papers come into the next issues
            async with self.database.write() as connection:
                await connection.execute(select(func.pg_advisory_xact_lock_shared(COLLECTING_LOCK)))

    def wakes(self) -> AsyncIterator[None]:
        """Yield when somebody has made deliveries ready, and after each connection; on SQLite it ends at once."""
        return notifications(self.database)

    async def aclose(self) -> None:
        """End all connections."""
        await self.database.aclose()


def open_store(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S, secret: str = "") -> SqlStore:
    """Return the store at ``url``: ``sqlite:///path`` (three slashes for a relative path) or ``postgresql://…``.

    Nothing is connected yet; StoreError when it is no such address. The schema must be there and current: see
    :func:`newsletter.store.migrate.check_version`. ``busy_timeout_s`` is how long to wait for somebody else's lock;
    ``secret`` is what addresses that may not be kept are hashed with.
    """
    return SqlStore(Database(parse_address(url), busy_timeout_s), Fingerprints(secret))
