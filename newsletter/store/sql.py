"""The store as the rest of the program has it: one class, one database."""

from __future__ import annotations

from newsletter.store.collection import PaperTables
from newsletter.store.deliveries import DeliveryTables
from newsletter.store.dialect import BUSY_TIMEOUT_S, Database, parse_address
from newsletter.store.schedules import ScheduleTables
from newsletter.store.subscribers import SubscriberTables


class SqlStore(PaperTables, SubscriberTables, DeliveryTables, ScheduleTables):
    """:class:`newsletter.ports.Store` over SQLite or PostgreSQL."""

    async def aclose(self) -> None:
        """End all connections."""
        await self.database.aclose()


def open_store(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> SqlStore:
    """Return the store at ``url``: ``sqlite:///path`` (three slashes for a relative path) or ``postgresql://…``.

    Nothing is connected yet; StoreError when it is no such address. The schema must be there and current: see
    :func:`newsletter.store.migrate.check_version`. ``busy_timeout_s`` is how long to wait for somebody else's lock.
    """
    return SqlStore(Database(parse_address(url), busy_timeout_s))
