"""``newsletter subscribers import`` and ``export``: many people at once, as CSV."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import run
from newsletter.cli.options import AsJson, DryRun, Yes  # noqa: TC001 (Typer reads annotations at run time)
from newsletter.cli.output import confirm, note, plural, print_json, say
from newsletter.cli.subscriber_options import vocabulary_of
from newsletter.errors import ConfigurationError
from newsletter.model import Origin, Problem
from newsletter.service.drafts import complete
from newsletter.service.subscriber_csv import CsvFile, inspect_csv, read_rows, write_csv
from newsletter.service.subscribers import Change, ChangeKind, Importer, review

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from newsletter.cli.documents import Document
    from newsletter.model import SubscriberDraft
    from newsletter.service.subscribers import ImportCounts
    from newsletter.wiring.application import Application

SHOWN_BEFORE_ASKING = 20
PAGE = 1000
MARKS = {ChangeKind.ADDED: "+", ChangeKind.CHANGED: "~"}


@dataclass(slots=True)
class Preview:
    """What an import would do; ``changes`` are kept only for who asked for all of them."""

    counts: Counter[ChangeKind] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def effects(self) -> int:
        """How many people it would add or change."""
        return self.counts[ChangeKind.ADDED] + self.counts[ChangeKind.CHANGED]


def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file.", show_default=False)],
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    r"""Add and change many from a CSV file.

    It says what would change, asks, and does it. The first line names the columns: address has to be there; zone,
    send_at, frequency, weekday, profiles, keywords, language, template and status may, in any order. Profiles and
    keywords are separated by semicolons. An empty cell leaves things as they are; none empties a list. Lines that are
    wrong are reported with their number and left out; the others are imported. Importing again changes nothing. Exit
    code 2 when a line was wrong.

    \b
    Example:
      newsletter subscribers import people.csv --dry-run

    \b
    people.csv:
      address,zone,send_at,profiles
      ada@example.org,Europe/London,07:30,language-models;trending
    """
    source = inspect_csv(file)
    preview = run(context, lambda application: _preview(application, source, everything=as_json or dry_run))
    if not as_json:
        _print_preview(preview, everything=dry_run)
    _report(preview.problems)
    is_wanted = preview.effects > 0 and not dry_run
    if is_wanted:
        confirm(f"Import {plural(preview.effects, 'subscriber')}?", yes=yes)
        counts = run(context, lambda application: _apply(application, source))
        if not as_json:
            say(f"imported: {counts.added:,} added, {counts.changed:,} changed")
    elif not as_json and not dry_run:
        say("nothing to import")
    if as_json:
        print_json(_document(source, preview, applied=is_wanted))
    if preview.problems:
        raise typer.Exit(ConfigurationError.exit_code)


def export_file(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.csv", help="The file; standard output without.", show_default=False)
    ] = None,
    *,
    yes: Yes = False,
) -> None:
    r"""Write all as CSV, in the form that import reads.

    Importing it again changes nothing. Who is kept in a profile file is not in it. Cells that a spreadsheet would run
    as formulas are made harmless.

    \b
    Example:
      newsletter subscribers export people.csv
    """
    if file is None:
        count, left_out = run(context, lambda application: _export(application, sys.stdout))
    else:
        if file.exists():
            confirm(f"Replace {file}?", yes=yes)
        count, left_out = _export_to(context, file)
        note(f"wrote {plural(count, 'subscriber')} to {file}")
    if left_out:
        note(f"{plural(left_out, 'subscriber')} of the profile files left out: they are kept there")


def _completer(application: Application) -> Callable[[SubscriberDraft], SubscriberDraft]:
    settings = application.configuration.settings
    return lambda draft: complete(draft, settings.defaults, settings.newsletter.language)


async def _preview(application: Application, source: CsvFile, *, everything: bool) -> Preview:
    preview = Preview()
    rows = read_rows(source, vocabulary_of(application))
    async for result in review(application.store, rows, _completer(application), application.now()):
        if isinstance(result, Problem):
            preview.problems.append(result)
            continue
        preview.counts[result.kind] += 1
        if result.kind in MARKS and (everything or len(preview.changes) < SHOWN_BEFORE_ASKING):
            preview.changes.append(result)
    return preview


async def _apply(application: Application, source: CsvFile) -> ImportCounts:
    importer = Importer(application.store, _completer(application), application.now())
    rows = read_rows(source, vocabulary_of(application))
    if not sys.stderr.isatty():
        return await importer.run(rows)
    return await importer.run(rows, lambda done: typer.echo(f"\r{done:,} lines", nl=False, err=True))


def _print_preview(preview: Preview, *, everything: bool) -> None:
    for change in preview.changes:
        details = "; ".join(
            f"{item.column}: {item.before or 'none'} → {item.after}"
            if change.kind is ChangeKind.CHANGED
            else f"{item.column}={item.after}"
            for item in change.fields
        )
        say(f"{MARKS[change.kind]} {change.draft.address}  {details}")
    rest = preview.effects - len(preview.changes)
    if rest > 0 and not everything:
        say(f"… and {rest:,} more (--dry-run shows all)")
    added, changed, unchanged = (preview.counts[kind] for kind in ChangeKind)
    wrong = f", {plural(len(preview.problems), 'line')} wrong" if preview.problems else ""
    say(f"{added:,} to add, {changed:,} to change, {unchanged:,} unchanged{wrong}")


def _report(problems: list[Problem]) -> None:
    for problem in problems:
        note(f"newsletter: {problem}")


def _document(source: CsvFile, preview: Preview, *, applied: bool) -> Document:
    return {
        "file": source.name,
        "applied": applied,
        "added": [_change(change) for change in preview.changes if change.kind is ChangeKind.ADDED],
        "changed": [_change(change) for change in preview.changes if change.kind is ChangeKind.CHANGED],
        "unchanged": preview.counts[ChangeKind.UNCHANGED],
        "errors": [
            {"line": problem.line, "message": problem.message, "advice": problem.advice or None}
            for problem in preview.problems
        ],
    }


def _change(change: Change) -> Document:
    fields = {item.column: {"before": item.before or None, "after": item.after} for item in change.fields}
    return {"line": change.line, "address": change.draft.address, "fields": fields}


async def _export(application: Application, stream: TextIO) -> tuple[int, int]:
    """Write a page at a time; return how many were written, and how many are kept in profile files."""
    count = last = 0
    while page := await application.store.list_subscribers(origin=Origin.STORE, after_id=last, limit=PAGE):
        count += write_csv(stream, page, header=not last)
        last = page[-1].id
    if not last:
        write_csv(stream, ())
    return count, len(await application.store.list_subscribers(origin=Origin.FILE))


def _export_to(context: typer.Context, file: Path) -> tuple[int, int]:
    """Write a file that only its owner may read, and put it in place when it is complete."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    except OSError as error:
        problem = Problem(str(file), 0, 0, f"cannot be written: {error.strerror}", "give another path")
        raise ConfigurationError([problem]) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            counts = run(context, lambda application: _export(application, stream))
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return counts
