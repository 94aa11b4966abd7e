"""Suppressions as CSV: what ``export`` writes, what other senders and providers export, and plain lists of addresses.

The first line may name the columns; then one of ``value``, ``address``, ``email`` and ``domain`` has to be there, and
``reason``, ``detail``, ``source``, ``created_at`` and ``expires_at`` may, in any order; others are passed over. Without
such a line the first cell of each line is an address or a domain.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TextIO

from newsletter.errors import AddressError, ConfigurationError
from newsletter.model import Problem, Suppression, SuppressionReason
from newsletter.service.subscriber_csv import encoding_of, guard_cell, unguard_cell
from newsletter.service.suppression import read_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

COLUMNS: Final = ("value", "reason", "detail", "source", "created_at", "expires_at")
VALUES: Final = ("value", "address", "email", "email_address", "recipient", "domain")
SYNONYMS: Final = {"created": "created_at", "date": "created_at", "expires": "expires_at", "error": "detail"}
LINE_LIMIT: Final = 64 * 1024  # characters
TEXT_LIMIT: Final = 500
REASONS: Final = frozenset(SuppressionReason)
NUMBER: Final = re.compile(r"\d{9,11}")  # seconds since 1970, as SendGrid writes them


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a line that does not say so itself has."""

    now: datetime
    detail: str = ""
    expires_at: datetime | None = None


def read_csv(path: Path, defaults: Defaults) -> Iterator[Suppression | Problem]:
    """Yield a suppression for each line, or what is wrong with it; ConfigurationError when it cannot be read at all."""
    try:
        with path.open(encoding=encoding_of(path), errors="replace", newline="") as stream:
            yield from _read(stream, path, defaults)
    except OSError as error:
        raise ConfigurationError(
            [Problem(str(path), 0, 0, f"cannot be read: {error.strerror or error}", "check the path")]
        ) from error


def write_csv(stream: TextIO, suppressions: Iterable[Suppression], *, header: bool) -> int:
    """Write a line for each, after the ``header``, and return how many; :func:`read_csv` reads them back."""
    writer = csv.writer(stream, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    count = 0
    for each in suppressions:
        expires = each.expires_at.isoformat() if each.expires_at else ""
        cells = (each.value, each.reason.value, each.detail, each.source, each.created_at.isoformat(), expires)
        writer.writerow([guard_cell(cell) for cell in cells])
        count += 1
    return count


def _read(stream: TextIO, path: Path, defaults: Defaults) -> Iterator[Suppression | Problem]:
    columns: tuple[str, ...] | None = None
    delimiter = ","
    number = 0
    while line := stream.readline(LINE_LIMIT):
        number += 1
        if not line.strip() or line.startswith("#"):
            continue
        if columns is None:
            delimiter = max(",;\t", key=line.count)
            named = _columns(_cells(line, delimiter))
            columns = named or ("value",)
            if named:
                continue
        cells = dict(zip(columns, _cells(line, delimiter), strict=False))
        try:
            yield _suppression(cells, defaults)
        except (AddressError, ValueError) as error:
            yield Problem(str(path), number, 0, str(error), "correct the line; the others are imported")


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line, which stands alone: an unclosed quotation mark spoils no other."""
    try:
        row = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        row = line.split(delimiter)
    return [unguard_cell(cell.strip()) for cell in row]


def _columns(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns that a line holds, empty when it holds none of an address or a domain."""
    names = [cell.lower().replace(" ", "_") for cell in cells]
    named = next((name for name in VALUES if name in names), None)
    if named is None:
        return ()
    return tuple("value" if name == named else SYNONYMS.get(name, name) for name in names)


def _suppression(cells: dict[str, str], defaults: Defaults) -> Suppression:
    """Return what a line says; AddressError or ValueError, in words for its writer, when it cannot be."""
    kind, value = read_value(cells.get("value", ""))
    word = cells.get("reason", "").strip()
    known = word.lower() in REASONS
    detail = cells.get("detail") or ("" if known else word) or defaults.detail
    return Suppression(
        kind,
        value,
        SuppressionReason(word.lower()) if known else SuppressionReason.IMPORT,
        " ".join(detail.split())[:TEXT_LIMIT],
        cells.get("source") or "import",
        _time(cells.get("created_at", "")) or defaults.now,
        _time(cells.get("expires_at", "")) or defaults.expires_at,
    )


def _time(text: str) -> datetime | None:
    """Return a date or time in ISO 8601 (UTC where it names no zone) or in seconds since 1970, None for none."""
    plain = text.strip()
    if not plain:
        return None
    try:
        if NUMBER.fullmatch(plain):
            return datetime.fromtimestamp(int(plain), UTC)
        found = datetime.fromisoformat(plain)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"“{plain[:40]}” is not a date, such as 2026-11-24") from error
