"""``newsletter deliveries``: which mail went to whom, what the servers said, and another try."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 (Typer reads the annotations of commands when they are called)
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import find_subscriber, run
from newsletter.cli.delivery_report import report
from newsletter.cli.documents import attempt_document, delivery_document
from newsletter.cli.output import confirm, note, plural, print_fields, print_json, print_table, say
from newsletter.cli.subscriber_options import AsJson, DryRun, Yes, member_of
from newsletter.errors import ConfigurationError, ConflictError, NotFoundError
from newsletter.model import DeliveryState, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.model import Attempt, Delivery
    from newsletter.ports import Store
    from newsletter.wiring import Application

app = typer.Typer(no_args_is_help=True, help="What was sent to whom.")

app.command()(report)

FAILED = (DeliveryState.REJECTED, DeliveryState.EXPIRED, DeliveryState.DEFERRED)
MANY = 1_000_000
Id = Annotated[int, typer.Argument(metavar="ID", help="Its number, as list shows it.", show_default=False)]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    state: Annotated[str | None, typer.Option(metavar="STATE", help="Only those in this state.")] = None,
    subscriber: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Only those to this address.")] = None,
    day: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], metavar="DATE", help="Only issues of this day.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    r"""List deliveries, newest first.

    A delivery is one issue to one subscriber. planned: not tried yet. deferred: the server said "later", and it will be
    tried again. accepted: the server took it. rejected: the server said no. expired: "later" went on for too long.

    \b
    Example:
      newsletter deliveries list --state rejected
      newsletter deliveries list --subscriber ada@example.org --json
    """
    in_state = member_of(DeliveryState, state, "--state")

    async def work(application: Application) -> tuple[list[Delivery], dict[int, str]]:
        store = application.store
        person = None if subscriber is None else (await find_subscriber(store, subscriber)).id
        found = await store.list_deliveries(state=in_state, subscriber_id=person, issue_date=_day(day), limit=limit)
        return found, await _addresses(store, found)

    found, addresses = run(context, work)
    if as_json:
        print_json([delivery_document(item, addresses.get(item.subscriber_id)) for item in found])
        return
    rows = [
        (item.id, item.issue_date, item.state, item.attempts, addresses.get(item.subscriber_id, ""), _reply(item))
        for item in found
    ]
    print_table(("ID", "ISSUE", "STATE", "TRIES", "ADDRESS", "REPLY"), rows, wide="REPLY")


@app.command()
def show(context: typer.Context, delivery_id: Id, *, as_json: AsJson = False) -> None:
    r"""Show one delivery, with the replies to every attempt.

    \b
    Example:
      newsletter deliveries show 12
    """

    async def work(application: Application) -> tuple[Delivery, list[Attempt], str | None]:
        store = application.store
        delivery = await store.delivery(delivery_id)
        addresses = await _addresses(store, [delivery])
        return delivery, await store.attempts(delivery_id), addresses.get(delivery.subscriber_id)

    delivery, attempts, address = run(context, work)
    if as_json:
        document = delivery_document(delivery, address)
        print_json(document | {"attempts": [attempt_document(attempt) for attempt in attempts]})
        return
    print_fields(
        [
            ("delivery", delivery.id),
            ("to", address),
            ("issue", f"{delivery.issue_date} ({delivery.kind})"),
            ("state", delivery.state),
            ("Message-ID", delivery.message_id),
            ("due", delivery.due_at),
            ("planned", delivery.planned_at),
            ("next attempt", delivery.next_attempt_at),
            ("finished", delivery.finished_at),
        ]
    )
    for attempt in attempts:
        outcome = attempt.outcome
        code = f"{outcome.code} " if outcome.code is not None else ""
        doubt = " (it may have arrived)" if outcome.is_unknown else ""
        say(f"{attempt.number}. {attempt.started_at:%Y-%m-%d %H:%M:%S} UTC {outcome.kind}: {code}{outcome.text}{doubt}")


@app.command()
def retry(
    context: typer.Context,
    delivery_ids: Annotated[
        list[int] | None, typer.Argument(metavar="ID", help="Their numbers.", show_default=False)
    ] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="All that were rejected, expired or deferred.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    r"""Make failed deliveries due at once.

    The daemon, or `newsletter deliver`, then sends them. One whose papers have meanwhile gone out in another digest is
    left alone: nobody gets a paper twice.

    \b
    Example:
      newsletter deliveries retry 12 13
      newsletter deliveries retry --failed --dry-run
    """
    if failed is bool(delivery_ids):
        raise ConfigurationError([Problem("deliveries retry", 0, 0, "say which", "give their numbers, or --failed")])
    chosen = run(context, lambda application: _chosen(application.store, delivery_ids or []))
    if dry_run:
        for delivery in chosen:
            say(f"would try {delivery.id} again: {delivery.state}, issue of {delivery.issue_date}")
    if dry_run or not chosen:
        say(f"{plural(len(chosen), 'delivery').replace('deliverys', 'deliveries')} to try again")
        return
    if failed:
        confirm(f"Try {len(chosen):,} again?", yes=yes)

    async def work(application: Application) -> int:
        return await application.store.retry([delivery.id for delivery in chosen], application.now())

    moved = run(context, work)
    say(f"{moved:,} of {len(chosen):,} will be tried again")
    if moved < len(chosen):
        note("the papers of the others have gone out in another digest meanwhile")


async def _chosen(store: Store, delivery_ids: Sequence[int]) -> list[Delivery]:
    if not delivery_ids:
        found = [await store.list_deliveries(state=state, limit=MANY) for state in FAILED]
        return [delivery for deliveries in found for delivery in deliveries]
    chosen = [await store.delivery(delivery_id) for delivery_id in dict.fromkeys(delivery_ids)]
    for delivery in chosen:
        if delivery.state not in FAILED:
            states = ", ".join(FAILED)
            raise ConflictError(f"delivery {delivery.id} is {delivery.state}; only these are tried again: {states}")
    return chosen


async def _addresses(store: Store, deliveries: Sequence[Delivery]) -> dict[int, str]:
    """Return the addresses of those of the subscribers who are still there."""
    addresses = {}
    for subscriber_id in {delivery.subscriber_id for delivery in deliveries}:
        try:
            addresses[subscriber_id] = (await store.subscriber(subscriber_id)).address.text
        except NotFoundError:
            continue
    return addresses


def _reply(delivery: Delivery) -> str:
    return " ".join(str(part) for part in (delivery.reply_code, delivery.reply_text) if part)


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
