"""LISTEN and NOTIFY: who plans says so in the transaction that plans, and idle workers wake when it commits.

A notification that is lost (a connection ended, a pooler in between) costs a tick: workers look by themselves as well.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import func, select

from newsletter.store.dialect import connect_arguments

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.store.dialect import Database

logger = structlog.get_logger(__name__)

CHANNEL: Final = "newsletter_deliveries"
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
# A connection that only listens says nothing by itself: the system asks, and finds out within a minute and a half that
# the server's machine is gone.
KEEPALIVES: Final[dict[str, Any]] = {"keepalives_idle": 30, "keepalives_interval": 15, "keepalives_count": 4}


async def notify(database: Database, connection: AsyncConnection) -> None:
    """Wake idle workers when this transaction commits: there are deliveries that they may send."""
    if not database.is_sqlite:
        await connection.execute(select(func.pg_notify(CHANNEL, "")))


async def notifications(database: Database) -> AsyncGenerator[None]:
    """Yield when somebody has notified, and after each connection, since something may have been missed before it.

    Connects again, more and more patiently, when the server goes away. On SQLite it ends at once: nobody else plans.
    """
    wait_s = FIRST_WAIT_S
    while not database.is_sqlite:
        try:
            async with await connected(database) as connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                wait_s = FIRST_WAIT_S
                yield
                async for _ in connection.notifies():
                    yield
        except psycopg.Error as error:
            logger.info("wakes.lost", error=" ".join(str(error).split()), again_in_s=wait_s)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


async def connected(database: Database) -> psycopg.AsyncConnection:
    """Return a connection beside the pool's, which may wait for as long as it likes."""
    address = database.address
    plain = address.url.set(drivername="postgresql").render_as_string(hide_password=False)
    options = connect_arguments(address, database.busy_timeout_s)
    return await psycopg.AsyncConnection.connect(plain, autocommit=True, **(KEEPALIVES | options))
