"""``newsletter suppression``: addresses and domains that nobody writes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path  # noqa: TC003 (Typer reads the annotations of commands when they are called)
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import run
from newsletter.cli.delivery_export import opened
from newsletter.cli.options import AsJson, DryRun, Yes, member_of
from newsletter.cli.output import confirm, note, plural, print_json, print_table, say
from newsletter.core.address import parse_address
from newsletter.errors import ConfigurationError, ConflictError, NotFoundError
from newsletter.model import Problem, SubscriberStatus, Suppression, SuppressionKind, SuppressionReason
from newsletter.service.suppression import read_value
from newsletter.service.suppression_csv import Defaults, read_csv, write_csv

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from newsletter.cli.documents import Document
    from newsletter.model import EmailAddress
    from newsletter.ports import Store
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="Addresses and domains that nobody writes to.")
ADDRESS = SuppressionKind.ADDRESS
PAGE = 1000
LIMIT = 100
SHOWN_PROBLEMS = 20

Values = Annotated[
    list[str],
    typer.Argument(metavar="ADDRESS|DOMAIN…", help="Addresses, or domains such as example.org.", show_default=False),
]
Detail = Annotated[str, typer.Option("--detail", metavar="TEXT", help="Why, for whoever looks next.")]
Days = Annotated[
    int | None, typer.Option("--days", metavar="N", min=1, max=36500, help="For so many days (default: for good).")
]


@app.command("list")
def list_(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Part of the address or domain.")] = "",
    *,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only address, domain or hash.")] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", metavar="REASON", help="Only hard_bounce, soft_bounces, complaint, manual, import, erased."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = LIMIT,
    as_json: AsJson = False,
) -> None:
    r"""List suppressions, expired ones too, by address and by domain.

    Who had everything about them erased is there as a hash of their address: it is known again, and never shown.

    \b
    Examples:
      newsletter suppression list
      newsletter suppression list example.org --reason hard_bounce --json
    """
    of_kind = member_of(SuppressionKind, kind, "--kind")
    of_reason = member_of(SuppressionReason, reason, "--reason")

    async def work(application: Application) -> list[Suppression]:
        found: list[Suppression] = []
        async for page in pages(application.store, text or None):
            found += [
                each
                for each in page
                if (of_kind is None or each.kind is of_kind) and (of_reason is None or each.reason is of_reason)
            ]
            if len(found) > limit:
                break
        return found

    found = run(context, work)
    if as_json:
        print_json([suppression_document(each) for each in found[:limit]])
        return
    print_table(("KIND", "VALUE", "REASON", "SINCE", "EXPIRES", "SOURCE", "DETAIL"), map(row, found[:limit]), "DETAIL")
    if len(found) > limit:
        note(f"and more; --limit shows more than {limit}, and `newsletter suppression export` writes all")


@app.command()
def add(
    context: typer.Context,
    values: Values,
    *,
    detail: Detail = "",
    days: Days = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    r"""Write to these addresses, and to all of these domains, no more.

    A mail that is planned already is held back too. Whoever is suppressed keeps their choices: `newsletter suppression
    remove` lets mail go on.

    \b
    Examples:
      newsletter suppression add old@example.org --detail "asked by telephone"
      newsletter suppression add example.com --days 30 --dry-run
    """
    named = [parsed(value) for value in values]

    async def work(application: Application) -> list[Suppression]:
        now = application.now()
        expires = None if days is None else now + timedelta(days=days)
        made = [
            Suppression(kind, value, SuppressionReason.MANUAL, " ".join(detail.split()), "command-line", now, expires)
            for kind, value in named
        ]
        if not dry_run:
            await application.store.suppress(made)
        return made

    made = run(context, work)
    if as_json:
        print_json([suppression_document(each) for each in made])
        return
    for each in made:
        until = f" until {each.expires_at:%Y-%m-%d}" if each.expires_at else ""
        say(f"{each.kind} {each.value} {'would be' if dry_run else 'is'} suppressed{until}")


@app.command()
def remove(
    context: typer.Context, values: Values, *, dry_run: DryRun = False, yes: Yes = False, as_json: AsJson = False
) -> None:
    r"""Let mail to these addresses and domains go on.

    Who has bounced or unsubscribed stays so: `newsletter subscribers resume` brings them back, and lifts what was found
    out by sending. Who had everything about them erased can be added again afterwards: see that they asked.

    \b
    Example:
      newsletter suppression remove old@example.org --yes
    """
    named = [parsed(value) for value in values]

    async def look(application: Application) -> Mapping[tuple[SuppressionKind, str], Suppression]:
        return await with_hashes(application, named)

    found = run(context, look)
    missing = [value for kind, value in named if (kind, value) not in found]
    if missing:
        raise NotFoundError(f"{missing[0]} is not suppressed; `newsletter suppression list` shows what is")
    if not dry_run:
        confirm(f"Let mail to {', '.join(value for _, value in named)} go on?", yes=yes)
        keys = [(each.kind, each.value) for each in found.values()]
        run(context, lambda application: application.store.unsuppress(keys))
    stay = run(context, lambda application: who_stay(application.store, named))
    if as_json:
        print_json([suppression_document(each) for each in found.values()])
        return
    for each in found.values():
        say(f"{each.kind} {each.value} {'would be' if dry_run else 'is'} suppressed no more")
    for address, status in stay:
        note(f"{address} is {status}: `newsletter subscribers resume {address}` writes to them again")


@app.command()
def check(
    context: typer.Context,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS…", help="Mail addresses.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    r"""Say what suppresses an address: itself, or its domain. Exit code 5 when anything does.

    \b
    Example:
      newsletter suppression check ada@example.org
    """
    people = [parse_address(each.strip()) for each in addresses]

    async def work(application: Application) -> Mapping[str, Suppression]:
        return await application.store.suppressed(people, application.now())

    found = run(context, work)
    if as_json:
        print_json([checked(person, found.get(person.key)) for person in people])
    else:
        print_table(("ADDRESS", "SUPPRESSED BY", "REASON", "SINCE", "EXPIRES", "DETAIL"), [
            told(person, found.get(person.key)) for person in people
        ], "DETAIL")  # fmt: skip
    if found:
        raise typer.Exit(ConflictError.exit_code)


@dataclass(slots=True)
class Import:
    """What a file holds, against what is known."""

    new: int = 0
    known: int = 0
    problems: list[Problem] = field(default_factory=list)


@app.command("import")
def import_file(  # noqa: PLR0913 (each is an option)
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file.", show_default=False)],
    *,
    detail: Detail = "",
    days: Days = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    r"""Suppress many: the list of another sender, or one of ours.

    A line each, with or without a heading; a column is named value, address, email or domain, and reason, detail,
    source, created_at and expires_at are read too. What is in force already stays as it is. Lines that are wrong are
    reported and left out; exit code 2 then.

    \b
    Examples:
      newsletter suppression import people.csv --dry-run
      newsletter suppression import people.csv --detail "our old sender" --yes
    """

    async def work(application: Application, *, applies: bool) -> Import:
        now = application.now()
        defaults = Defaults(now, detail, None if days is None else now + timedelta(days=days))
        return await importing(application.store, read_csv(file, defaults), now, applies=applies)

    preview = run(context, lambda application: work(application, applies=False))
    for problem in preview.problems[:SHOWN_PROBLEMS]:
        note(f"newsletter: {problem}")
    if len(preview.problems) > SHOWN_PROBLEMS:
        note(f"… and {len(preview.problems) - SHOWN_PROBLEMS:,} more lines are wrong")
    is_wanted = preview.new > 0 and not dry_run
    if is_wanted:
        confirm(f"Suppress {preview.new:,}?", yes=yes)
        run(context, lambda application: work(application, applies=True))
    if as_json:
        errors = [{"line": each.line, "message": each.message} for each in preview.problems]
        print_json({"new": preview.new, "known": preview.known, "applied": is_wanted, "errors": errors})
    else:
        done = "suppressed" if is_wanted else "to suppress"
        say(f"{preview.new:,} {done}, {preview.known:,} known, {plural(len(preview.problems), 'line')} wrong")
    if preview.problems:
        raise typer.Exit(ConfigurationError.exit_code)


@app.command("export")
def export_file(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE.csv", help="Where to; - is standard output.")] = "-",
    *,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    r"""Write all suppressions as CSV, in the form that import reads.

    \b
    Example:
      newsletter suppression export suppressed.csv
    """

    async def work(application: Application) -> int:
        count = 0
        with opened(file, force=force) as stream:
            write_csv(stream, (), header=True)
            async for page in pages(application.store):
                count += write_csv(stream, page, header=False)
        return count

    count = run(context, work)
    if file != "-":
        note(f"wrote {plural(count, 'suppression')} to {file}")


async def pages(store: Store, text: str | None = None) -> AsyncIterator[list[Suppression]]:
    """Yield all suppressions, a page in memory at a time."""
    after: tuple[SuppressionKind, str] | None = None
    while page := await store.list_suppressions(text=text, after=after, limit=PAGE):
        yield page
        after = (page[-1].kind, page[-1].value)


async def importing(store: Store, lines: Iterator[Suppression | Problem], now: datetime, *, applies: bool) -> Import:
    """Suppress what is not in force yet, a batch at a time, and return what there was; nothing unless ``applies``."""
    result, batch = Import(), {}
    for line in lines:
        if isinstance(line, Problem):
            result.problems.append(line)
            continue
        batch[line.kind, line.value] = line
        if len(batch) == PAGE:
            await import_batch(store, batch, now, result, applies=applies)
            batch = {}
    await import_batch(store, batch, now, result, applies=applies)
    return result


async def import_batch(
    store: Store,
    batch: Mapping[tuple[SuppressionKind, str], Suppression],
    now: datetime,
    result: Import,
    *,
    applies: bool,
) -> None:
    """Do one batch, and add to ``result``."""
    found = await store.find_suppressions(batch)
    in_force = {key for key, each in found.items() if each.expires_at is None or each.expires_at > now}
    new = [each for key, each in batch.items() if key not in in_force]
    result.new, result.known = result.new + len(new), result.known + len(in_force)
    if applies and new:
        await store.suppress(new)


async def with_hashes(
    application: Application, named: Sequence[tuple[SuppressionKind, str]]
) -> dict[tuple[SuppressionKind, str], Suppression]:
    """Return the suppressions of what is named by that, those of addresses that are known by their hash among them."""
    erased = await application.store.erased([value for kind, value in named if kind is ADDRESS], application.now())
    found = {(ADDRESS, key): each for key, each in erased.items()}
    return found | await application.store.find_suppressions(named)


async def who_stay(
    store: Store, named: Iterable[tuple[SuppressionKind, str]]
) -> list[tuple[EmailAddress, SubscriberStatus]]:
    """Return who of these addresses gets no mail all the same."""
    keys = [value for kind, value in named if kind is SuppressionKind.ADDRESS]
    people = (await store.find_subscribers(keys)).values()
    gone = (SubscriberStatus.BOUNCED, SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED)
    return [(person.address, person.status) for person in people if person.status in gone]


def parsed(value: str) -> tuple[SuppressionKind, str]:
    """Return what an argument names; AddressError when it is neither an address nor a domain."""
    return read_value(value)


def row(each: Suppression) -> Sequence[object]:
    """Return a suppression as the cells of a table."""
    ended = each.expires_at is not None and each.expires_at <= datetime.now(UTC)
    expires = f"{each.expires_at:%Y-%m-%d}{' (expired)' if ended else ''}" if each.expires_at else ""
    return (each.kind, each.value, each.reason, each.created_at, expires, each.source, each.detail)


def told(person: EmailAddress, found: Suppression | None) -> Sequence[object]:
    """Return what suppresses an address as the cells of a table."""
    if found is None:
        return (person, "nothing", "", "", "", "")
    return (person, f"{found.kind} {found.value}", found.reason, found.created_at, found.expires_at, found.detail)


def checked(person: EmailAddress, found: Suppression | None) -> Document:
    """Return the same for JSON."""
    return {"address": person, "suppressed": found is not None, "by": found and suppression_document(found)}


def suppression_document(each: Suppression) -> Document:
    """Return a suppression for JSON."""
    return {
        "kind": each.kind,
        "value": each.value,
        "reason": each.reason,
        "detail": each.detail or None,
        "source": each.source,
        "created_at": each.created_at,
        "expires_at": each.expires_at,
    }
