"""Whether a database is sound, and what it says that has to fit this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from newsletter.store.dialect import BUSY_TIMEOUT_S, parse_address
from newsletter.store.migrate import check_version, connect, is_empty
from newsletter.store.schema import subscribers
from newsletter.store.snapshot import connected, integrity_faults

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class CheckUp:
    """What a database is, in a few words; what is wrong inside; the zones that its subscribers live in."""

    description: str
    faults: tuple[str, ...]
    zones: tuple[str, ...]


def check_up(url: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> CheckUp | None:
    """Examine the database at ``url`` without changing it; None when there is none yet.

    StoreError when it cannot be reached, or has another version.
    """
    address = parse_address(url)
    if is_empty(url, busy_timeout_s):
        return None
    version = check_version(url, busy_timeout_s)
    faults: list[str] = []
    if address.path is not None:
        with connected(address.path, busy_timeout_s) as raw:
            faults = integrity_faults(raw)
    with connect(address, busy_timeout_s) as connection:
        zones = connection.execute(select(subscribers.c.zone).distinct()).scalars().all()
        server = server_of(connection)
    return CheckUp(f"{server} at {address.place}, schema {version}", tuple(faults), tuple(zones))


def server_of(connection: Connection) -> str:
    """Return the name and version of the program that keeps the database."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {connection.execute(text('SELECT sqlite_version()')).scalar_one()}"
    return f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar_one()}"
