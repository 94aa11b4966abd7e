"""``newsletter deliveries export``: any number of deliveries into a file, a batch at a time."""

from __future__ import annotations

import csv
import enum
import io
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from newsletter.cli.context import run
from newsletter.cli.delivery_options import (
    Choice,
    Code,
    Day,
    Domain,
    InDoubt,
    Kinds,
    Person,
    ProfileName,
    RelayName,
    Since,
    States,
    Until,
)
from newsletter.cli.documents import delivery_document
from newsletter.cli.options import member_of
from newsletter.cli.output import note, plain, plural, show
from newsletter.cli.progress import progress
from newsletter.errors import ConflictError, NewsletterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from newsletter.model import ListedDelivery
    from newsletter.wiring.application import Application

COLUMNS = (
    "id",
    "issue_date",
    "kind",
    "state",
    "address",
    "attempts",
    "reply_code",
    "reply_text",
    "relay",
    "may_have_arrived",
    "message_id",
    "due_at",
    "planned_at",
    "next_attempt_at",
    "finished_at",
    "subscriber_id",
)
# A spreadsheet takes a cell that begins so for a formula, and a reply's text comes from anybody.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(enum.StrEnum):
    """How deliveries are written."""

    CSV = "csv"
    JSONL = "jsonl"


def export(  # noqa: PLR0913 (each option is a parameter)
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - is standard output.", show_default=False)],
    *,
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="csv or jsonl (default: by the file's name).")
    ] = None,
    state: States = None,
    subscriber: Person = None,
    day: Day = None,
    since: Since = None,
    until: Until = None,
    domain: Domain = "",
    profile: ProfileName = "",
    relay: RelayName = "",
    code: Code = "",
    kind: Kinds = None,
    unknown: InDoubt = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    r"""Write deliveries into a file, newest first.

    They are as at one moment; a million take no more memory than ten.

    CSV has a heading, for spreadsheets; JSON Lines has a document a line, with the keys of `newsletter deliveries list
    --json`. The file holds addresses.

    \b
    Example:
      newsletter deliveries export mails.csv --date 2026-11-24
      newsletter deliveries export - --format jsonl --state rejected
    """
    choice = Choice(state, kind, day, since, until, subscriber, domain, profile, relay, code, unknown)
    by_name = Format.JSONL if file.endswith((".jsonl", ".ndjson", ".json")) else Format.CSV
    written_as = member_of(Format, form, "--format") or by_name

    async def work(application: Application) -> int:
        store, count = application.store, 0
        wanted = await choice.read(store)
        total = await store.count_found(wanted)
        with opened(file, force=force) as out, progress("deliveries", total) as advance:
            write = writer(out, written_as)
            async for batch in store.every_delivery(wanted):
                write(batch)
                count += len(batch)
                advance(len(batch))
        return count

    count = run(context, work)
    if file != "-":
        note(f"wrote {plural(count, 'line')} to {file}")


@contextmanager
def opened(file: str, *, force: bool) -> Iterator[TextIO]:
    """Yield what to write to; ConflictError when the file is there and not ``force``, and nothing half done stays."""
    if file == "-":
        yield sys.stdout
        return
    path = Path(file)
    if path.exists() and not force:
        raise ConflictError(f"{file} is there already; name another file, or add --force")
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("w", encoding="utf-8", newline="") as out:
            aside.chmod(0o600)
            yield out
        aside.replace(path)
    except OSError as error:
        raise NewsletterError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)


def writer(out: TextIO, form: Format) -> Callable[[Sequence[ListedDelivery]], None]:
    """Return what writes a batch in a format; the heading is written at once."""
    if form is Format.JSONL:
        return lambda batch: lines(out, batch)
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(COLUMNS)
    return lambda batch: table.writerows([[cell(record[name]) for name in COLUMNS] for record in map(document, batch)])


def lines(out: TextIO, batch: Sequence[ListedDelivery]) -> None:
    """Write a batch as JSON, a line each."""
    text = io.StringIO()
    for each in batch:
        text.write(json.dumps(document(each), ensure_ascii=False, default=plain) + "\n")
    out.write(text.getvalue())


def document(each: ListedDelivery) -> dict[str, object]:
    """Return one line of the export."""
    return delivery_document(each.delivery, each.address) | {"may_have_arrived": each.in_doubt}


def cell(value: object) -> str:
    """Return a value as CSV holds it: dates and times in ISO 8601, and nothing that a spreadsheet would compute."""
    if value is None:
        return ""
    if isinstance(value, bool | int):
        return str(value).lower()
    text = show(value) if isinstance(value, str) else plain(value)
    return f"'{text}" if text.startswith(FORMULA) else text
