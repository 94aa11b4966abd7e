"""``newsletter subscribers pause``, ``resume`` and ``remove``: whether somebody gets mail at all."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 (Typer reads the annotations of commands)
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import find_subscriber, run
from newsletter.cli.options import AsJson, DryRun, Yes  # noqa: TC001 (Typer reads annotations at run time)
from newsletter.cli.output import confirm, note, say
from newsletter.cli.subscriber_options import Address, refuse_file_owned, schedule_of, tell
from newsletter.errors import ConfigurationError, ConflictError
from newsletter.model import Problem, SubscriberStatus
from newsletter.service.suppression import lift

if TYPE_CHECKING:
    from newsletter.model import Subscriber, Suppression
    from newsletter.wiring.application import Application

RETURNS = frozenset({SubscriberStatus.PAUSED, SubscriberStatus.PENDING, SubscriberStatus.BOUNCED})


def pause(
    context: typer.Context,
    address: Address,
    *,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The day on which mail begins again, as 2099-08-31."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    r"""Send somebody nothing for a while.

    It lasts until a day, or until `newsletter subscribers resume`. What they miss does not pile up: after a pause there
    is one digest, of what is still recent.

    \b
    Example:
      newsletter subscribers pause ada@example.org --until 2099-08-31
    """

    async def work(application: Application) -> Subscriber:
        subscriber = await find_subscriber(application.store, address)
        day = _future(until, application.now())
        if subscriber.status not in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
            raise ConflictError(f"{subscriber.address} is {subscriber.status}, and gets no mail to be paused")
        reason = "paused on the command line"
        return await application.store.set_status(
            subscriber.id, SubscriberStatus.PAUSED, reason, application.now(), paused_until=day
        )

    tell("paused", run(context, work), as_json=as_json)


def resume(
    context: typer.Context,
    address: Address,
    *,
    consent: Annotated[
        str, typer.Option(metavar="TEXT", help="How they asked to come back, for who had unsubscribed; it is kept.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    r"""Send somebody mail again.

    That is for who was paused, is pending or has bounced. Who unsubscribed comes back only with --consent, which says
    how they asked for it. What came back from their address is forgotten, and suppresses it no more.

    \b
    Example:
      newsletter subscribers resume ada@example.org
      newsletter subscribers resume bob@example.org --consent "mail of 3 May"
    """

    async def work(application: Application) -> tuple[Subscriber, Suppression | None]:
        subscriber = await find_subscriber(application.store, address)
        if subscriber.status not in RETURNS | {SubscriberStatus.ACTIVE} and not consent.strip():
            raise ConflictError(
                f"{subscriber.address} is {subscriber.status}: say with --consent how they asked to come back"
            )
        reason = consent.strip() or "resumed on the command line"
        back = await application.store.set_status(
            subscriber.id, SubscriberStatus.ACTIVE, reason, application.now(), paused_until=None
        )
        return back, await lift(application.store, back, application.now())

    resumed, left = run(context, work)
    tell("resumed", resumed, as_json=as_json)
    if left is not None:
        words = f"{left.reason}: {left.detail}" if left.detail else left.reason
        note(f"{left.kind} {left.value} is suppressed ({words}): `newsletter suppression remove` lets mail go on")


def remove(
    context: typer.Context,
    address: Address,
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    r"""Forget somebody and everything about them.

    Their choices, their digests and their proof of consent go with them. Who asks for no more mail is better
    unsubscribed: then a later import cannot bring them back by accident.

    \b
    Example:
      newsletter subscribers remove ada@example.org
    """

    async def find(application: Application) -> Subscriber:
        subscriber = await find_subscriber(application.store, address)
        refuse_file_owned(application, subscriber)
        return subscriber

    subscriber = run(context, find)
    if dry_run:
        say(f"would remove {subscriber.address} ({subscriber.status}, {schedule_of(subscriber)})")
        return
    confirm(f"Remove {subscriber.address} and everything about them?", yes=yes)

    async def work(application: Application) -> None:
        await application.store.remove_subscriber(subscriber.address.key)

    run(context, work)
    say(f"removed {subscriber.address}")


def _future(until: datetime | None, now: datetime) -> date | None:
    if until is None:
        return None
    if until.date() <= now.date():
        problem = Problem("--until", 0, 0, f"{until.date()} is not in the future", "give a later day, as 2099-08-31")
        raise ConfigurationError([problem])
    return until.date()
