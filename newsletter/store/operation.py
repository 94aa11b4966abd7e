"""What an operator has stopped, and where the store is at home."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select, text, update

from newsletter.model import Pause, PauseScope, Place, Seal
from newsletter.store.part import Part
from newsletter.store.schema import deliveries, pauses, seals

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

MACHINE_IDS: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
THE_SEAL: Final = 1
FINGERPRINT_DIGITS: Final = 32
# Some hosts of databases do not let everybody ask.
SYSTEM: Final = text("SELECT has_function_privilege('pg_control_system()', 'execute')")
IDENTIFIER: Final = text("SELECT system_identifier FROM pg_control_system()")


class OperationTables(Part):
    """:class:`newsletter.ports.OperationStore` over the tables."""

    async def pauses(self) -> list[Pause]:
        """Return everything that is paused, everything first."""
        query = select(pauses).order_by(pauses.c.scope, pauses.c.name)
        async with self.database.read() as connection:
            return [
                Pause(PauseScope(row.scope), row.name, row.reason, row.since) for row in await connection.execute(query)
            ]

    async def pause(self, pause: Pause) -> bool:
        """Pause something; return whether it was not paused before. If it was, the reason alone is changed, where one
        is given.
        """
        row = {"scope": pause.scope.value, "name": pause.name, "reason": pause.reason, "since": pause.since}
        here = pauses.c.scope == pause.scope.value, pauses.c.name == pause.name
        async with self.database.write() as connection:
            new = self.database.insert(pauses).values(row).on_conflict_do_nothing().returning(pauses.c.scope)
            if (await connection.execute(new)).first() is not None:
                return True
            if pause.reason:
                await connection.execute(update(pauses).where(*here).values(reason=pause.reason))
            return False

    async def unpause(self, scope: PauseScope, name: str) -> bool:
        """End a pause; return whether there was one. Deliveries that it made wait are due again at once."""
        here = pauses.c.scope == scope.value, pauses.c.name == name
        async with self.database.write() as connection:
            ended = await connection.execute(delete(pauses).where(*here))
            if ended.rowcount:
                due = func.coalesce(deliveries.c.next_attempt_at, deliveries.c.due_at)
                waiting = deliveries.c.lease_owner.is_(None), deliveries.c.ready_at > due
                await connection.execute(update(deliveries).where(*waiting).values(ready_at=due))
            return bool(ended.rowcount)

    async def here(self) -> Place:
        """Return where this store is: the machine and the file, or the PostgreSQL cluster and the database."""
        path = self.database.address.path
        if path is not None:
            return place_of_file(path)
        async with self.database.read() as connection:
            return await connection.run_sync(place_of_server)

    async def seal(self) -> Seal | None:
        """Return where the store is at home, None when nobody has sent from it yet."""
        async with self.database.read() as connection:
            return await the_seal(connection)

    async def settle_here(self, now: datetime, *, moving: bool) -> Seal:
        """Make this place the store's home where it has none, or with ``moving`` whichever it has; return the seal."""
        place = await self.here()
        async with self.database.write() as connection:
            if moving:
                await connection.execute(delete(seals))
            row = {"id": THE_SEAL, "fingerprint": place.fingerprint, "place": place.name, "sealed_at": now}
            await connection.execute(self.database.insert(seals).values(row).on_conflict_do_nothing())
            return await the_seal(connection) or Seal(place, now)


async def the_seal(connection: AsyncConnection) -> Seal | None:
    """Return the one seal, if there is one."""
    row = (await connection.execute(select(seals).where(seals.c.id == THE_SEAL))).one_or_none()
    return None if row is None else Seal(Place(row.fingerprint, row.place), row.sealed_at)


def seal_nowhere(connection: Connection, place: str, now: datetime) -> None:
    """Seal a store that nobody is to send from until an operator has looked at it; ``place`` says what it is."""
    connection.execute(delete(seals))
    connection.execute(seals.insert().values(id=THE_SEAL, fingerprint="", place=place, sealed_at=now))


def place_of_file(path: Path, machine_ids: tuple[Path, ...] = MACHINE_IDS) -> Place:
    """Return where a SQLite file is: by the machine's id and its path, or by file system and inode without such an id,
    as in most containers.
    """
    resolved = path.resolve()
    machine = next(filter(None, (machine_id(each) for each in machine_ids)), None) or identity_of(resolved)
    return Place(fingerprint("sqlite", machine, str(resolved)), f"{resolved} on {os.uname().nodename}")


def machine_id(path: Path) -> str:
    """Return the id in a file as systemd and D-Bus keep it, empty where there is none."""
    try:
        said = path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
    return "" if said == "uninitialized" else said


def identity_of(path: Path) -> str:
    """Return what tells a file from its copies: it stays the same for as long as the file is not copied."""
    return f"{os.statvfs(path).f_fsid}:{path.stat().st_ino}"


def place_of_server(connection: Connection) -> Place:
    """Return where a PostgreSQL database is: by the identifier that its cluster was made with, and its name."""
    name = connection.execute(text("SELECT current_database()")).scalar_one()
    may_ask = connection.execute(SYSTEM).scalar_one()
    cluster = str(connection.execute(IDENTIFIER).scalar_one()) if may_ask else "unknown"
    return Place(fingerprint("postgresql", cluster, name), f"the database {name} of the PostgreSQL cluster {cluster}")


def fingerprint(*parts: str) -> str:
    """Return a short name for a place that tells nothing else about it."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:FINGERPRINT_DIGITS]
