r"""Subscribers as CSV: reading what people and spreadsheets make of it, and writing what is safe to open in one.

Columns, in any order, of which only ``address`` has to be there: zone, send_at, frequency, weekday, profiles and
keywords (both separated by ``;``), language, template, status. An empty cell means "leave as it is", ``none`` an empty
list. UTF-8 with or without a byte order mark, UTF-16 with one, and Latin-1 are read; commas, semicolons and tabs
separate. Each line stands alone: a quotation mark that is never closed spoils its own line and no other.

A cell that a spreadsheet would run as a formula is written with an apostrophe before it, which reading takes off again
(OWASP, CSV injection).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from newsletter.errors import ConfigurationError
from newsletter.model import Problem
from newsletter.service.drafts import COLUMNS, Vocabulary, read_draft, words_of
from newsletter.service.subscribers import Row
from newsletter.settings.values import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from newsletter.model import Subscriber

LONGEST_LINE = 64 * 1024
CHUNK = 256 * 1024
DELIMITERS = ",;\t"
FORMULA = re.compile("'*[=+\\-@\t\r\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH COMMERCIAL AT}]")
SYNONYMS = {
    "email": "address",
    "e-mail": "address",
    "mail": "address",
    "email_address": "address",
    "timezone": "zone",
    "time_zone": "zone",
    "tz": "zone",
    "time": "send_at",
    "hour": "send_at",
    "send_time": "send_at",
    "day": "weekday",
    "list": "profiles",
    "lists": "profiles",
    "profile": "profiles",
    "topics": "keywords",
    "keyword": "keywords",
    "lang": "language",
    "state": "status",
}


@dataclass(frozen=True, slots=True)
class CsvFile:
    """How a file is to be read: found out from its beginning, and from whether all of it is UTF-8."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    first_line: int

    @property
    def name(self) -> str:
        """The name by which messages call the file."""
        return str(self.path)


def inspect_csv(path: Path) -> CsvFile:
    """Return how to read the file; ConfigurationError when it cannot be read or its header is not one."""
    try:
        encoding = encoding_of(path)
        with path.open(encoding=encoding, errors="replace", newline="") as stream:
            return _header(path, encoding, stream)
    except OSError as error:
        raise _unusable(path, 0, f"cannot be read: {error.strerror or error}", "check the path") from error


def read_rows(file: CsvFile, vocabulary: Vocabulary) -> Iterator[Row]:
    """Yield a row for each line below the header that is not blank, one in memory at a time."""
    with file.path.open(encoding=file.encoding, errors="replace", newline="") as stream:
        for number, line in _lines(stream):
            if number > file.first_line and (line is None or line.strip(f" \r\n{file.delimiter}")):
                yield _row(file, number, line, vocabulary)


def write_csv(stream: TextIO, subscribers: Iterable[Subscriber], *, header: bool = True) -> int:
    """Write a line per subscriber, after the ``header``, and return how many; :func:`read_rows` reads them back."""
    writer = csv.writer(stream, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    count = 0
    for subscriber in subscribers:
        words = words_of(subscriber)
        writer.writerow([guard_cell(words[column]) for column in COLUMNS])
        count += 1
    return count


def guard_cell(text: str) -> str:
    """Return the text as no spreadsheet runs it."""
    return f"'{text}" if FORMULA.match(text) else text


def unguard_cell(text: str) -> str:
    """Return the text that :func:`guard_cell` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def encoding_of(path: Path) -> str:
    """Return the encoding of the file; ConfigurationError when it is a workbook and not text."""
    with path.open("rb") as stream:
        start = stream.read(4)
        if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
            raise _unusable(path, 0, "is a workbook, not a CSV file", "save it as CSV (UTF-8) in the spreadsheet")
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := stream.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8-sig"


def _header(path: Path, encoding: str, stream: TextIO) -> CsvFile:
    for number, line in _lines(stream):
        if line is None:
            raise _unusable(path, number, "the line is too long for a header", "is this a CSV file?")
        if not line.strip() or re.fullmatch(r"sep=.\s*", line, re.IGNORECASE):  # Excel's hint; the header tells more
            continue
        delimiter = max(DELIMITERS, key=line.count)
        cells = [cell.strip().lower().replace(" ", "_") for cell in _cells(line, delimiter)]
        while cells and not cells[-1]:
            cells.pop()
        problems = [Problem(str(path), number, 0, *reason) for reason in _header_problems(cells)]
        if problems:
            raise ConfigurationError(problems)
        return CsvFile(path, encoding, delimiter, tuple(cells), number)
    raise _unusable(path, 0, "is empty", f"its first line must name the columns: {', '.join(COLUMNS)}")


def _header_problems(cells: list[str]) -> Iterator[tuple[str, str]]:
    for cell in dict.fromkeys(cells):
        if cell not in COLUMNS:
            near = f"did you mean “{SYNONYMS[cell]}”?" if cell in SYNONYMS else suggestion(cell, COLUMNS)
            yield f"unknown column “{cell[:80]}”", near or f"the columns are {', '.join(COLUMNS)}"
        elif cells.count(cell) > 1:
            yield f"the column “{cell}” is there twice", "keep one"
    if "address" not in cells and not SYNONYMS.keys() & set(cells):
        yield "there is no column “address”", f"the first line must name the columns: {', '.join(COLUMNS)}"


def _lines(stream: TextIO) -> Iterator[tuple[int, str | None]]:
    """Yield each line with its number from 1; None for one that is longer than any list of subscribers needs."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        is_whole = len(line) < LONGEST_LINE or line.endswith(("\n", "\r"))
        while not is_whole:
            rest = stream.readline(LONGEST_LINE)
            is_whole = len(rest) < LONGEST_LINE or rest.endswith(("\n", "\r"))
            line = ""
        yield number, line or None


def _row(file: CsvFile, number: int, line: str | None, vocabulary: Vocabulary) -> Row:
    def refused(message: str, advice: str = "") -> Row:
        return Row(file.name, number, problems=(Problem(file.name, number, 0, message, advice),))

    if line is None:
        return refused(f"the line is longer than {LONGEST_LINE:,} characters", "is a quotation mark missing?")
    try:
        cells = [unguard_cell(cell) for cell in _cells(line, file.delimiter)]
    except csv.Error as error:
        reason = "a quotation mark is not closed" if "end of data" in str(error) else str(error)
        return refused(reason, 'close it on the same line, and write "" for a quotation mark within quotes')
    surplus = [cell for cell in cells[len(file.columns) :] if cell.strip()]
    if surplus:
        counts = f"{len(cells)} cells, and the header has {len(file.columns)} columns"
        return refused(counts, f'put a cell that holds “{file.delimiter}” in "quotation marks"')
    draft, refusals = read_draft(dict(zip(file.columns, cells, strict=False)), vocabulary)
    problems = (
        Problem(file.name, number, 0, f"{refusal.column}: {refusal.message}", refusal.advice) for refusal in refusals
    )
    return Row(file.name, number, draft, tuple(problems))


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line (RFC 4180); csv.Error when its quotation marks make no sense."""
    reader = csv.reader(io.StringIO(line.rstrip("\r\n"), newline=""), delimiter=delimiter, strict=True)
    return next(reader, [])


def _unusable(path: Path, line: int, message: str, advice: str) -> ConfigurationError:
    return ConfigurationError([Problem(str(path), line, 0, message, advice)])
