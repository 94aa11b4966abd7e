"""``newsletter deliveries retry``: another try for what failed, and for nothing that arrived."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

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
from newsletter.cli.options import DryRun, Yes  # noqa: TC001 (Typer reads annotations at run time)
from newsletter.cli.output import confirm, note, plural, say
from newsletter.cli.progress import progress
from newsletter.core.deliveries import MAY_BE_RETRIED
from newsletter.errors import ConfigurationError, ConflictError
from newsletter.model import DeliveryState, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.ports import Store
    from newsletter.wiring.application import Application

FAILED = (DeliveryState.REJECTED, DeliveryState.EXPIRED, DeliveryState.DEFERRED)
SHOWN = 20  # of those that would be tried again
AT_ONCE = 500
TWICE = "may have arrived: whoever got it gets it a second time, with the same Message-ID"


def retry(  # noqa: PLR0913 (each option is a parameter)
    context: typer.Context,
    delivery_ids: Annotated[
        list[int] | None, typer.Argument(metavar="ID", help="Their numbers.", show_default=False)
    ] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="All that were rejected, expired or deferred.")] = False,
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
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    r"""Make failed deliveries due at once.

    Name them by number, or by the options that list takes. The daemon, or `newsletter deliver`, sends them. One that
    was accepted never is; one whose papers have meanwhile gone out in another digest is left alone: nobody gets a paper
    twice. Mails in the state unknown may have arrived, and are tried again only when you name them: by number, or with
    --state unknown.

    \b
    Example:
      newsletter deliveries retry 12 13
      newsletter deliveries retry --failed --dry-run
      newsletter deliveries retry --code 5.7 --since 2026-11-01 --yes
    """
    choice = Choice(state, kind, day, since, until, subscriber, domain, profile, relay, code, unknown)
    said = [bool(delivery_ids), failed, not choice.is_empty]
    if not any(said) or (delivery_ids and sum(said) > 1):
        advice = "give their numbers, --failed, or options that choose them"
        raise ConfigurationError([Problem("deliveries retry", 0, 0, "say which", advice)])
    refuse_others(choice.states)

    async def look(application: Application) -> list[tuple[int, DeliveryState, str]]:
        return await _chosen(application.store, delivery_ids or [], choice)

    chosen = run(context, look)
    doubtful = sum(each[1] is DeliveryState.UNKNOWN for each in chosen)
    if doubtful:
        note(f"newsletter: {plural(doubtful, 'mail')} {TWICE}")
    if dry_run:
        for number, in_state, issue in chosen[:SHOWN]:
            say(f"would try {number} again: {in_state}, issue of {issue}")
    if dry_run or not chosen:
        say(f"{plural(len(chosen), 'delivery').replace('deliverys', 'deliveries')} to try again")
        return
    if doubtful or not delivery_ids:
        confirm(f"Try {len(chosen):,} again?", yes=yes)
    moved = run(context, lambda application: _retry(application, [number for number, _, _ in chosen]))
    say(f"{moved:,} of {len(chosen):,} will be tried again")
    if moved < len(chosen):
        note("the papers of the others have gone out in another digest meanwhile")


def refuse_others(states: frozenset[DeliveryState]) -> None:
    """Raise ConflictError when a state is named that nothing is tried again from."""
    for state in sorted(states - MAY_BE_RETRIED):
        raise ConflictError(f"what is {state} is not tried again; only {', '.join(sorted(MAY_BE_RETRIED))}")


async def _chosen(store: Store, delivery_ids: Sequence[int], choice: Choice) -> list[tuple[int, DeliveryState, str]]:
    """Return number, state and issue date of those that are to be tried again."""
    if delivery_ids:
        named = [await store.delivery(delivery_id) for delivery_id in dict.fromkeys(delivery_ids)]
        for delivery in named:
            if delivery.state not in MAY_BE_RETRIED:
                states = ", ".join((*FAILED, DeliveryState.UNKNOWN))
                raise ConflictError(f"delivery {delivery.id} is {delivery.state}; only these are tried again: {states}")
        return [(each.id, each.state, str(each.issue_date)) for each in named]
    wanted = await choice.read(store)
    if not wanted.states:
        wanted = replace(wanted, states=frozenset(FAILED))
    found = []
    async for batch in store.every_delivery(wanted):
        found += [(each.delivery.id, each.delivery.state, str(each.delivery.issue_date)) for each in batch]
    return found


async def _retry(application: Application, numbers: Sequence[int]) -> int:
    moved = 0
    with progress("deliveries", len(numbers)) as advance:
        for start in range(0, len(numbers), AT_ONCE):
            some = numbers[start : start + AT_ONCE]
            moved += await application.store.retry(some, application.now())
            advance(len(some))
    return moved
