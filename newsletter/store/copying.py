"""All rows from one store into another, of either kind, table by table and in constant memory; and what a store holds.

Works on every table of :data:`newsletter.store.schema.metadata`, whatever these are. A table is summed up by its number
of rows and a checksum that does not depend on their order, for databases sort text each in their own way.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, func, inspect, select, text

from newsletter.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Row, Table

BATCH: Final = 1000  # rows in memory at a time
CHECKSUM_BITS: Final = 128


@dataclass(frozen=True, slots=True)
class TableSummary:
    """How many rows a table has, and a checksum (hexadecimal) that is equal for equal rows in any order."""

    rows: int
    checksum: str


Contents = dict[str, TableSummary]
"""What a store holds, by the names of the tables."""


class Sum:
    """The checksum of a table, row by row."""

    def __init__(self) -> None:
        self.rows = 0
        self._value = 0

    def add(self, rows: Sequence[Row[Any]]) -> None:
        """Count these rows in. Both databases give equal Python values for equal rows, times in UTC."""
        for row in rows:
            name = repr(tuple(row)).encode(errors="surrogatepass")
            self._value += int.from_bytes(hashlib.blake2b(name, digest_size=CHECKSUM_BITS // 8).digest(), "big")
        self.rows += len(rows)

    def summary(self) -> TableSummary:
        """Return what all rows came to."""
        return TableSummary(self.rows, f"{self._value % 2**CHECKSUM_BITS:0{CHECKSUM_BITS // 4}x}")


def batches(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """Yield a table's rows in the order of its key, a batch at a time: the database keeps what is not yet asked for."""
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    with connection.execute(query) as result:
        yield from result.partitions()


def count_rows(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }


def is_bare(connection: Connection) -> bool:
    """Return whether no table holds a row; tables that are not there hold none."""
    there = set(inspect(connection).get_table_names())
    tables = [table for table in metadata.sorted_tables if table.name in there]
    return all(connection.execute(select(1).select_from(table).limit(1)).first() is None for table in tables)


def summarise(connection: Connection, advance: Callable[[int], None]) -> Contents:
    """Return what a store holds, read row by row; ``advance`` is told of every batch."""
    contents = {}
    for table in metadata.sorted_tables:
        total = Sum()
        for rows in batches(connection, table):
            total.add(rows)
            advance(len(rows))
        contents[table.name] = total.summary()
    return contents


def copy_tables(source: Connection, target: Connection, advance: Callable[[int], None]) -> Contents:
    """Write every row of ``source`` into ``target``, whose tables are empty, and return what that was.

    Numbers go on where the source's would have: an id that was ever given is not given again.
    """
    contents = {}
    for table in metadata.sorted_tables:
        if table.info.get("written_by_triggers"):  # while the rows that it tells of were written
            target.execute(table.delete())
        total = Sum()
        for rows in batches(source, table):
            target.execute(table.insert(), [dict(row._mapping) for row in rows])  # noqa: SLF001 (SQLAlchemy's public name)
            total.add(rows)
            advance(len(rows))
        contents[table.name] = total.summary()
    for table in metadata.sorted_tables:
        if key := numbered_key(table):
            set_last_number(target, table, key, last_number(source, table, key))
    return contents


def differences(expected: Mapping[str, TableSummary], found: Mapping[str, TableSummary]) -> list[str]:
    """Return, a line per table, where two stores differ; nothing when they hold the same."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        before, after = expected.get(name, TableSummary(0, "")), found.get(name, TableSummary(0, ""))
        if before.rows != after.rows:
            lines.append(f"{name}: {before.rows:,} rows became {after.rows:,}")
        elif before != after:
            lines.append(f"{name}: some of {before.rows:,} rows differ")
    return lines


def clear_tables(connection: Connection) -> None:
    """Delete every row."""
    if connection.dialect.name == "postgresql":
        quoted = ", ".join(
            connection.dialect.identifier_preparer.format_table(table) for table in metadata.sorted_tables
        )
        connection.execute(text(f"TRUNCATE {quoted}"))
        return
    by_triggers = [table for table in metadata.sorted_tables if table.info.get("written_by_triggers")]
    for table in [*reversed(metadata.sorted_tables), *by_triggers]:
        connection.execute(table.delete())


def numbered_key(table: Table) -> str | None:
    """Return the column whose numbers the database gives, or None."""
    column = table.autoincrement_column
    is_numbered = column is not None and isinstance(column.type, Integer) and not column.foreign_keys
    return column.name if column is not None and is_numbered else None


def last_number(connection: Connection, table: Table, key: str) -> int:
    """Return the largest number ever given in a column, 0 for none, as far as the database remembers."""
    highest = connection.execute(select(func.max(table.c[key]))).scalar_one() or 0
    if connection.dialect.name == "postgresql":
        sequence = sequence_of(connection, table, key)
        given = connection.execute(text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"))
        return int(max(highest, given.scalar_one()))
    if not remembers_numbers(table):
        return int(highest)
    found = connection.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
    return int(max(highest, found.scalar() or 0))


def set_last_number(connection: Connection, table: Table, key: str, number: int) -> None:
    """Let the next number given in a column be the one after ``number``."""
    if connection.dialect.name == "postgresql":
        sequence = sequence_of(connection, table, key)
        values = {"sequence": sequence, "number": max(number, 1), "is_called": number > 0}
        connection.execute(text("SELECT setval(:sequence, :number, :is_called)"), values)
    elif remembers_numbers(table):
        values = {"name": table.name, "number": number}
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), values)


def sequence_of(connection: Connection, table: Table, key: str) -> str:
    """Return the name, quoted where need be, of what gives a PostgreSQL column its numbers."""
    query = text("SELECT pg_get_serial_sequence(:name, :key)")
    quoted = connection.dialect.identifier_preparer.format_table(table)
    return str(connection.execute(query, {"name": quoted, "key": key}).scalar_one())


def remembers_numbers(table: Table) -> bool:
    """Return whether SQLite keeps the last number of a table beside its rows (AUTOINCREMENT)."""
    return bool(table.dialect_options["sqlite"]["autoincrement"])
