"""``newsletter bounces``: what came back, what was made of it, and reading more of it now."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import find_subscriber, run
from newsletter.cli.options import AsJson, DryRun, member_of
from newsletter.cli.output import note, plural, print_fields, print_json, print_table
from newsletter.core.bounce_score import decayed
from newsletter.errors import ConfigurationError, NotFoundError
from newsletter.model import Bounce, BounceKind, Problem, Subscriber
from newsletter.wiring.bounces import bounce_policy
from newsletter.wiring.reading import BounceReport, read_mailboxes, read_mails

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.cli.documents import Document
    from newsletter.ports import Store
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="What came back, and what was made of it.")
LIMIT = 100
MAIL_LIMIT = 32 * 2**20  # octets


@dataclass(frozen=True, slots=True)
class Known:
    """A bounce with whom it was about, if anybody that is still there."""

    bounce: Bounce
    subscriber: Subscriber | None


@app.command("list")
def list_(
    context: typer.Context,
    *,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only hard, soft or complaint.")] = None,
    subscriber: Annotated[
        str | None, typer.Option("--subscriber", metavar="ADDRESS", help="Only what came back from them.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = LIMIT,
    as_json: AsJson = False,
) -> None:
    r"""List what came back, newest first. What proves to be about nobody has no address, and changed nothing.

    \b
    Examples:
      newsletter bounces list
      newsletter bounces list --kind hard --subscriber ada@example.org --json
    """
    of_kind = member_of(BounceKind, kind, "--kind")

    async def work(application: Application) -> list[Known]:
        store = application.store
        who = None if subscriber is None else (await find_subscriber(store, subscriber)).id
        return await with_people(store, await store.list_bounces(kind=of_kind, subscriber_id=who, limit=limit))

    found = run(context, work)
    if as_json:
        print_json([bounce_document(each) for each in found])
        return
    columns = ("ID", "AT", "KIND", "SOURCE", "CODE", "ADDRESS", "DELIVERY", "TEXT")
    print_table(columns, [row(each) for each in found], wide="TEXT")


@app.command()
def show(
    context: typer.Context,
    bounce_id: Annotated[int, typer.Argument(metavar="ID", help="Its number.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    r"""Show one, and how its reader stands now.

    That is their status, their score, and whether a probe is to settle it.

    \b
    Example:
      newsletter bounces show 1
    """

    async def work(application: Application) -> tuple[Known, Document]:
        store = application.store
        [known] = await with_people(store, [await store.bounce(bounce_id)])
        return known, await standing(application, known.subscriber)

    known, stands = run(context, work)
    document = bounce_document(known) | stands
    if as_json:
        print_json(document)
        return
    print_fields((name.replace("_", " "), value) for name, value in document.items())


@app.command()
def read(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE…", help="Returned mails; - is standard input.", show_default=False),
    ] = None,
    *,
    recipient: Annotated[
        str | None,
        typer.Option("--recipient", metavar="ADDRESS", help="Whom the mail came to, where it does not say so itself."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    r"""Read returned mails now: from files, or what waits in mailboxes.

    Whatever is read twice counts once, so it may be done beside a running daemon. With --dry-run it says what a mail
    means and would change, and leaves it where it is.

    \b
    Examples:
      newsletter bounces read returned.eml --dry-run
      newsletter bounces read returned.eml
    """

    async def work(application: Application) -> list[BounceReport]:
        if files:
            mails = [(name, content_of(name)) for name in files]
            return await read_mails(application, mails, recipient, is_trial=dry_run)
        return await read_mailboxes(application, is_trial=dry_run)

    if recipient is not None and not files:
        raise ConfigurationError([Problem("--recipient", 0, 0, "it needs a file", "name one, or - for standard input")])
    found = run(context, work)
    if as_json:
        print_json([report_document(each) for each in found])
    elif found:
        columns = ("FROM", "KIND", "SUBSCRIBER", "DELIVERY", "OUTCOME", "TEXT")
        print_table(columns, [report_row(each) for each in found], wide="TEXT")
    if not as_json:
        note(f"{'looked at' if dry_run else 'read'} {plural(len(found), 'mail')}")


def content_of(name: str) -> bytes:
    """Return a returned mail; ConfigurationError when there is none."""
    if name == "-":
        return sys.stdin.buffer.read(MAIL_LIMIT)
    try:
        with open(name, "rb") as stream:  # noqa: PTH123 (a path as it was typed)
            return stream.read(MAIL_LIMIT)
    except OSError as error:
        raise ConfigurationError(
            [Problem(name, 0, 0, f"cannot be read: {error.strerror or error}", "check the path")]
        ) from error


async def with_people(store: Store, bounces: Sequence[Bounce]) -> list[Known]:
    """Return bounces with whom they were about."""
    people: dict[int, Subscriber] = {}
    for who in {each.subscriber_id for each in bounces if each.subscriber_id is not None}:
        try:
            people[who] = await store.subscriber(who)
        except NotFoundError:  # removed meanwhile
            continue
    return [Known(each, people.get(each.subscriber_id or 0)) for each in bounces]


async def standing(application: Application, subscriber: Subscriber | None) -> Document:
    """Return how somebody stands now, empty for nobody."""
    if subscriber is None:
        return {}
    now, policy = application.now(), bounce_policy(application.configuration.settings.bounces)
    score = (await application.store.scores([subscriber.id])).get(subscriber.id)
    found = (await application.store.suppressed([subscriber.address], now)).get(subscriber.address.key)
    return {
        "status": subscriber.status,
        "score": round(decayed(score, now, policy.half_life), 2) if score else 0.0,
        "threshold": policy.threshold,
        "probation_since": score.probation_since if score else None,
        "suppressed": found is not None,
    }


def bounce_document(known: Known) -> Document:
    """Return a bounce for JSON."""
    bounce = known.bounce
    return {
        "id": bounce.id,
        "recorded_at": bounce.recorded_at,
        "kind": bounce.kind,
        "source": bounce.source,
        "enhanced_code": bounce.enhanced_code,
        "address": known.subscriber.address if known.subscriber else None,
        "subscriber_id": bounce.subscriber_id,
        "delivery_id": bounce.delivery_id,
        "text": bounce.text,
    }


def row(known: Known) -> Sequence[object]:
    """Return a bounce as the cells of a table."""
    bounce, who = known.bounce, known.subscriber
    address = who.address if who else None
    return (
        bounce.id,
        bounce.recorded_at,
        bounce.kind,
        bounce.source,
        bounce.enhanced_code,
        address,
        bounce.delivery_id,
        bounce.text,
    )


def report_document(report: BounceReport) -> Document:
    """Return what became of a mail for JSON."""
    taken = report.taken
    return {
        "from": report.place,
        "kind": taken.kind,
        "address": report.address,
        "subscriber_id": taken.subscriber_id,
        "delivery_id": taken.delivery_id,
        "new": taken.is_new,
        "outcome": report.outcome,
        "text": taken.text,
    }


def report_row(report: BounceReport) -> Sequence[object]:
    """Return what became of a mail as the cells of a table."""
    taken = report.taken
    return (report.place, taken.kind or "none", report.address, taken.delivery_id, report.outcome, taken.text)
