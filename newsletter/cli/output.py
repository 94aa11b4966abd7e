"""What commands print: tables and colour for a terminal, tab-separated lines for everything else, JSON when asked.

Standard output carries what was asked for and nothing else; remarks and questions go to standard error. Text from
outside (titles, names, servers' replies) never reaches a terminal with its control characters.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from newsletter.core.printable import one_line
from newsletter.errors import NewsletterError
from newsletter.model import EmailAddress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STYLES = {
    "green": ("active", "accepted", "fresh", "added"),
    "yellow": ("pending", "paused", "deferred", "stale", "throttled", "changed", "sending", "planned", "unknown"),
    "red": ("bounced", "suppressed", "rejected", "expired", "broken"),
    "dim": ("unsubscribed", "superseded", "unchecked", "quiet"),
}
STYLE_OF = {word: style for style, words in STYLES.items() for word in words}
LABEL_WIDTH = 14


def print_json(document: object) -> None:
    """Print one JSON document: UTF-8, two spaces of indentation, times as ISO 8601 in UTC."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, default=plain))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], wide: str = "") -> None:
    """Print rows under a heading: a table on a terminal, otherwise a line each with tabs between the cells.

    The column named by ``wide`` takes the room that is left.
    """
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            typer.echo("\t".join(show(cell) for cell in row).rstrip())
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        is_wide = column == wide
        table.add_column(column, ratio=1 if is_wide else None, no_wrap=not is_wide, overflow="fold")
    for row in rows:
        table.add_row(*(_styled(show(cell)) for cell in row))
    table.expand = bool(wide)
    _console().print(table)


def print_fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print ``label: value`` lines; pairs whose value is empty are left out."""
    for label, value in pairs:
        text = show(value)
        if not text:
            continue
        if sys.stdout.isatty():
            grid = Table.grid(padding=(0, 1))
            grid.add_column(width=LABEL_WIDTH, style="bold", no_wrap=True)
            grid.add_column(overflow="fold")
            grid.add_row(label, _styled(text))
            _console().print(grid)
        else:
            typer.echo(f"{label}: {text}")


def show(value: object) -> str:
    """Return a value as people read it, in one line: local forms of nothing, times in UTC to the minute."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return ", ".join(show(item) for item in value)
    match value:
        case bool():
            text = "yes" if value else "no"
        case datetime():
            text = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        case time():
            text = value.strftime("%H:%M")
        case float():
            text = f"{value:.2f}".rstrip("0").rstrip(".")
        case _:
            text = str(value)
    return one_line(text)


def since(then: datetime | None, now: datetime) -> str:
    """Return how far off a time is: "3 h ago", "in 20 min", "now"; empty for None."""
    if then is None:
        return ""
    seconds = (now - then).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= length:
            count = round(abs(seconds) / length)
            return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"
    return "now"


def say(text: str) -> None:
    """Print a line for people on standard output."""
    typer.echo(one_line(text))


def heading(text: str) -> None:
    """Print a heading with an empty line before it."""
    typer.echo()
    typer.secho(one_line(text), bold=True)


def note(text: str) -> None:
    """Print a remark on standard error, where it is in no pipe's way."""
    typer.echo(one_line(text), err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Go on when ``yes`` was given or somebody says so; otherwise NewsletterError, and nothing has changed."""
    if yes:
        return
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        typer.echo(err=True)
        raise NewsletterError("nothing was changed: nobody was there to say yes (repeat it with --yes)")
    if answer.strip().lower() not in ("y", "yes"):
        raise NewsletterError("nothing was changed")


def plural(count: int, noun: str) -> str:
    """Return "1 paper", "2 papers", "1,000 papers"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def plain(value: Any) -> str:
    """Return a value that JSON has no form for: times as ISO 8601 in UTC, dates, addresses; TypeError for others."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case time():
            return value.strftime("%H:%M")
        case EmailAddress():
            return value.text
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")


def _styled(text: str) -> Text:
    return Text(text, style=STYLE_OF.get(text, ""))


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False)
