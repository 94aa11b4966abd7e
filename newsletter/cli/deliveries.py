"""``newsletter deliveries``: who got which mail, who did not and why, what the servers said, and another try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import run
from newsletter.cli.delivery_export import export
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
from newsletter.cli.delivery_report import report
from newsletter.cli.delivery_retry import retry
from newsletter.cli.documents import attempt_document, delivery_document
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads annotations at run time)
from newsletter.cli.output import note, print_fields, print_json, print_table, say
from newsletter.errors import NotFoundError
from newsletter.model import DeliveryState

if TYPE_CHECKING:
    from newsletter.model import Attempt, Delivery, ListedDelivery, ReplyCount
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="What was sent to whom.")
# What is worth a reason: all that has not arrived, as far as anybody knows.
WITHOUT_SUCCESS = [
    DeliveryState.DEFERRED,
    DeliveryState.REJECTED,
    DeliveryState.EXPIRED,
    DeliveryState.SUPPRESSED,
    DeliveryState.UNKNOWN,
]
Id = Annotated[int, typer.Argument(metavar="ID", help="Its number, as list shows it.", show_default=False)]
Before = Annotated[
    int | None, typer.Option("--before", metavar="ID", help="Only those before this number: the next page.")
]


@app.command("list")
def list_(  # noqa: PLR0913 (each option is a parameter)
    context: typer.Context,
    *,
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
    before: Before = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    r"""List deliveries, newest first.

    A delivery is one issue to one subscriber. planned: not tried yet. deferred: the server said "later", and it will be
    tried again. accepted: the server took it. rejected: the server said no. expired: "later" went on for too long.
    unknown: it may have arrived, and is not sent again. A question mark marks what may have arrived and is tried again.

    \b
    Example:
      newsletter deliveries list --state rejected --state expired
      newsletter deliveries list --subscriber ada@example.org --json
      newsletter deliveries list --since 2026-11-01 --code 5.7
    """
    choice = Choice(state, kind, day, since, until, subscriber, domain, profile, relay, code, unknown)

    async def work(application: Application) -> list[ListedDelivery]:
        wanted = await choice.read(application.store)
        return await application.store.find_deliveries(wanted, before_id=before, limit=limit)

    found = run(context, work)
    if as_json:
        print_json([delivery_document(each.delivery, each.address) for each in found])
        return
    print_table(("ID", "ISSUE", "STATE", "TRIES", "ADDRESS", "REPLY"), [_row(each) for each in found], wide="REPLY")
    if len(found) == limit:
        note(f"newsletter: there may be more: --before {found[-1].delivery.id}")


@app.command()
def show(context: typer.Context, delivery_id: Id, *, as_json: AsJson = False) -> None:
    r"""Show one delivery with every attempt.

    When, through which relay and connection, the reply, and how long it took.

    \b
    Example:
      newsletter deliveries show 12
    """

    async def work(application: Application) -> tuple[Delivery, list[Attempt], str | None]:
        store = application.store
        delivery = await store.delivery(delivery_id)
        try:
            address = (await store.subscriber(delivery.subscriber_id)).address.text
        except NotFoundError:  # removed in this moment
            address = None
        return delivery, await store.attempts(delivery_id), address

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
        say(_attempt_line(attempt))


@app.command()
def reasons(  # noqa: PLR0913 (each option is a parameter)
    context: typer.Context,
    *,
    state: States = None,
    day: Day = None,
    since: Since = None,
    until: Until = None,
    domain: Domain = "",
    profile: ProfileName = "",
    relay: RelayName = "",
    code: Code = "",
    kind: Kinds = None,
    unknown: InDoubt = False,
    as_json: AsJson = False,
) -> None:
    r"""Say why mails did not arrive.

    The servers' last words, alike ones together, most frequent first.

    What is one recipient's own (addresses, queue ids, numbers) is taken out before replies are compared. Without
    --state: all that are deferred, rejected, expired, suppressed or unknown.

    \b
    Example:
      newsletter deliveries reasons --since 2026-11-01
      newsletter deliveries reasons --domain example.org --json
    """
    states = state or [each.value for each in WITHOUT_SUCCESS]
    choice = Choice(states, kind, day, since, until, None, domain, profile, relay, code, unknown)

    async def work(application: Application) -> list[ReplyCount]:
        return await application.store.reply_counts(await choice.read(application.store))

    found = run(context, work)
    if as_json:
        print_json([_reason_document(each) for each in found])
        return
    rows = [(each.count, each.state, each.code, each.enhanced_code, each.example, each.text) for each in found]
    print_table(("MAILS", "STATE", "CODE", "ENHANCED", "EXAMPLE", "REPLY"), rows, wide="REPLY")


app.command()(export)
app.command()(report)
app.command()(retry)


def _row(each: ListedDelivery) -> tuple[object, ...]:
    item = each.delivery
    doubt = " ?" if each.in_doubt and item.state is not DeliveryState.UNKNOWN else ""
    reply = " ".join(str(part) for part in (item.reply_code, item.reply_text) if part)
    return item.id, item.issue_date, f"{item.state}{doubt}", item.attempts, each.address, reply


def _attempt_line(attempt: Attempt) -> str:
    outcome = attempt.outcome
    code = f"{outcome.code} " if outcome.code is not None else ""
    doubt = " (it may have arrived)" if outcome.is_unknown else ""
    way = " ".join(part for part in (outcome.relay, outcome.connection) if part)
    through = f" through {way}" if way else ""
    took = (attempt.finished_at - attempt.started_at).total_seconds()
    when = f"{attempt.started_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{attempt.number}. {when}{through}, {took:.2f} s, {outcome.kind}: {code}{outcome.text}{doubt}"


def _reason_document(each: ReplyCount) -> dict[str, object]:
    return {
        "count": each.count,
        "state": each.state,
        "reply_code": each.code,
        "enhanced_code": each.enhanced_code,
        "reply": each.text,
        "example": each.example,
    }
