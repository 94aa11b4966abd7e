"""A whole store from one database into another, of either kind, in one transaction at the target.

A run that was broken off has changed nothing, and is simply repeated. A run that finished leaves a mark in the target:
as long as nobody has used the target since, another run may write over it (a rehearsal, and then the move itself).
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from newsletter.errors import ConflictError, StoreError
from newsletter.store.copying import clear_tables, copy_tables, count_rows, differences, is_bare, summarise
from newsletter.store.dialect import BUSY_TIMEOUT_S, parse_address
from newsletter.store.lock import hold_alone
from newsletter.store.migrate import check_version, connect, is_empty, migrate
from newsletter.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Connection

    from newsletter.store.copying import Contents

MARK_DIGITS: Final = 7  # hexadecimal: SQLite keeps 31 bits for whoever uses the file
MARK_WORDS: Final = "copied by newsletter move-store: "


class Target(StrEnum):
    """What a move finds where it is to go."""

    EMPTY = "empty"
    UNTOUCHED = "holds an earlier copy that nobody has used since"
    SAME = "holds the same already"
    OTHER = "holds something else"


@dataclass(frozen=True, slots=True)
class Move:
    """What was copied, or would be: rows per table, and what the target was found to be."""

    tables: dict[str, int]
    found: Target
    is_done: bool

    @property
    def rows(self) -> int:
        """How many rows that is."""
        return sum(self.tables.values())


@dataclass(frozen=True, slots=True)
class Route:
    """From which address to which."""

    source: str
    target: str
    busy_timeout_s: float = BUSY_TIMEOUT_S


def move_store(
    route: Route, now: datetime, start: Callable[[int], Callable[[int], None]], *, dry_run: bool = False
) -> Move:
    """Copy the store at ``route.source`` to ``route.target`` and return what that was; the source stays as it is.

    ``start`` is told how many rows there are to be read, and returns what is told of those that were. With ``dry_run``
    nothing is written. StoreLockedError while another newsletter runs on either, ConflictError when the target holds
    something else, StoreError when what arrived is not what was sent.
    """
    if parse_address(route.source).place == parse_address(route.target).place:
        raise ConflictError(f"{parse_address(route.source).place}: this is one and the same store")
    check_version(route.source, route.busy_timeout_s)
    with frozen(route.source, now, route.busy_timeout_s) as source:
        tables = count_rows(source)
        found = look_at(route, source, None)
        if found is not Target.OTHER and not dry_run and found is not Target.SAME:
            advance = start(2 * sum(tables.values()))
            found = copy(route, source, now, advance)
    if found is Target.OTHER:
        raise ConflictError(
            f"{parse_address(route.target).place}: this store holds something else; name an empty database"
        )
    return Move(tables, found, is_done=not dry_run)


@contextmanager
def frozen(url: str, now: datetime, busy_timeout_s: float) -> Iterator[Connection]:
    """Yield a connection to a store that nobody can change while the context lasts."""
    address = parse_address(url)
    with hold_alone(url, now, busy_timeout_s), connect(address, busy_timeout_s, writing=True) as connection:
        if not address.is_sqlite:
            quoted = ", ".join(
                connection.dialect.identifier_preparer.format_table(table) for table in metadata.sorted_tables
            )
            connection.execute(text(f"LOCK TABLE {quoted} IN SHARE MODE"))
        yield connection


def look_at(route: Route, source: Connection, target: Connection | None) -> Target:
    """Return what the target is; without a connection to it, one is opened, and nothing is changed."""
    address = parse_address(route.target)
    if target is None:
        if is_empty(route.target, route.busy_timeout_s):
            return Target.EMPTY
        check_version(route.target, route.busy_timeout_s)
        with connect(address, route.busy_timeout_s, snapshot=True) as connection:
            return look_at(route, source, connection)
    if is_bare(target):
        return Target.EMPTY
    held = summarise(target, lambda _: None)
    if not differences(summarise(source, lambda _: None), held):
        return Target.SAME
    return Target.UNTOUCHED if read_mark(target) == mark_of(held) else Target.OTHER


def copy(route: Route, source: Connection, now: datetime, advance: Callable[[int], None]) -> Target:
    """Write everything into the target, compare it with what was read, and leave the mark."""
    migrate(route.target, route.busy_timeout_s)
    address = parse_address(route.target)
    with (
        hold_alone(route.target, now, route.busy_timeout_s),
        connect(address, route.busy_timeout_s, writing=True) as target,
    ):
        found = look_at(route, source, target)
        if found in (Target.OTHER, Target.SAME):
            return found
        clear_tables(target)
        copied = copy_tables(source, target, advance)
        arrived = summarise(target, advance)
        if wrong := differences(copied, arrived):
            raise StoreError(f"{address.place}: nothing was changed, for rows came out otherwise: {'; '.join(wrong)}")
        write_mark(target, mark_of(arrived))
    return found


def mark_of(contents: Contents) -> str:
    """Return a short name for what a store holds."""
    said = repr(sorted((name, summary.rows, summary.checksum) for name, summary in contents.items()))
    return hashlib.sha256(said.encode()).hexdigest()[:MARK_DIGITS]


def read_mark(connection: Connection) -> str | None:
    """Return the mark that a finished move left, or None."""
    if connection.dialect.name == "sqlite":
        number = int(connection.execute(text("PRAGMA user_version")).scalar_one())
        return f"{number:0{MARK_DIGITS}x}" if number else None
    comment = connection.execute(text("SELECT obj_description('alembic_version'::regclass)")).scalar()
    return str(comment).removeprefix(MARK_WORDS) if comment else None


def write_mark(connection: Connection, mark: str) -> None:
    """Leave the mark; ``mark`` is hexadecimal."""
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA user_version = {int(mark, 16)}"))
    else:
        connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{MARK_WORDS}{mark}'"))
