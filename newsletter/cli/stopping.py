"""Stopping mail and letting it go on: ``pause``, ``unpause`` and ``unseal``. All of it survives restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import find_profile, not_found, run
from newsletter.cli.options import DryRun, Yes  # noqa: TC001 (Typer reads annotations at run time)
from newsletter.cli.output import confirm, note, plural, print_fields, say
from newsletter.core.clearance import described
from newsletter.core.deliveries import OPEN
from newsletter.errors import ConfigurationError, NotFoundError
from newsletter.model import Pause, PauseScope, Problem
from newsletter.service.gate import read_clearance

if TYPE_CHECKING:
    from newsletter.core.clearance import Clearance
    from newsletter.wiring.application import Application

Relay = Annotated[str | None, typer.Option("--relay", metavar="NAME", help="Only this relay.")]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Only the papers of this profile.")]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    for command in (pause, unpause, unseal):
        app.command()(command)


def pause(
    context: typer.Context,
    *,
    relay: Relay = None,
    profile: Profile = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever looks next.")] = "",
) -> None:
    r"""Send nothing, until `newsletter unpause`: no mail at all, none through a relay, or none with a profile's papers.

    A running daemon obeys within seconds; mails that are under way end. Collecting and planning go on, and nothing is
    lost: what waited goes out afterwards, as after downtime. To pause one reader: `newsletter subscribers pause`.

    \b
    Examples:
      newsletter pause --reason "moving the mail server"
      newsletter pause --profile language-models
    """
    scope, name = what(relay, profile)

    async def work(application: Application) -> bool:
        check_name(application, scope, name)
        return await application.store.pause(Pause(scope, name, reason.strip(), application.now()))

    is_new = run(context, work)
    say(f"{called(scope, name)} {'is paused' if is_new else 'was paused already'}")


def unpause(context: typer.Context, *, relay: Relay = None, profile: Profile = None, dry_run: DryRun = False) -> None:
    r"""Go on after `newsletter pause`: what is due goes out at once.

    \b
    Examples:
      newsletter unpause
      newsletter unpause --profile language-models --dry-run
    """
    scope, name = what(relay, profile)

    async def work(application: Application) -> tuple[int, Clearance]:
        store = application.store
        if not any(each.scope is scope and each.name == name for each in await store.pauses()):
            raise NotFoundError(f"{called(scope, name)} is not paused; `newsletter status` shows what is")
        if not dry_run:
            await store.unpause(scope, name)
        return await waiting_mails(application), await read_clearance(store)

    waiting, clearance = run(context, work)
    say(f"{called(scope, name)} {'would go on' if dry_run else 'goes on'}; {plural(waiting, 'mail')} not sent yet")
    for other in clearance.pauses:
        if (other.scope, other.name) != (scope, name):
            note(described(other))
    if clearance.is_sealed:
        note(clearance.refusal)


def unseal(context: typer.Context, *, dry_run: DryRun = False, yes: Yes = False) -> None:
    r"""Let a store that was copied, moved or restored send from where it is now.

    A store knows the machine and the path (or the PostgreSQL cluster and the database) that it sends from. A copy
    anywhere else sends nothing, so that a rehearsal writes to nobody. Make sure that the one it came from is stopped.

    \b
    Examples:
      newsletter unseal --dry-run
      newsletter unseal --yes
    """

    async def look(application: Application) -> tuple[Clearance, int]:
        return await read_clearance(application.store), await waiting_mails(application)

    clearance, waiting = run(context, look)
    home = clearance.seal.place.name if clearance.seal else "nowhere yet: the first mail that is sent makes it so"
    print_fields([("at home", home), ("here", clearance.here.name), ("mails waiting", waiting)])
    if not clearance.is_sealed:
        say("the store is not sealed; there is nothing to do")
        return
    if dry_run:
        say("it would be at home here, and those mails would be sent when they are due")
        return
    confirm("Send from here from now on? The other one must not send any more.", yes=yes)
    run(context, lambda application: application.store.settle_here(application.now(), moving=True))
    say("the store is at home here, and sends")


def what(relay: str | None, profile: str | None) -> tuple[PauseScope, str]:
    """Return what the options name; ConfigurationError when they name two things."""
    if relay is not None and profile is not None:
        raise ConfigurationError([Problem("--relay", 0, 0, "it cannot stand beside --profile", "pause them singly")])
    if relay is not None:
        return PauseScope.RELAY, relay
    return (PauseScope.PROFILE, profile) if profile is not None else (PauseScope.ALL, "")


def check_name(application: Application, scope: PauseScope, name: str) -> None:
    """Raise NotFoundError, with the nearest one, when nothing of this name is configured."""
    if scope is PauseScope.PROFILE:
        find_profile(application.profiles.values(), name)
    relays = application.configuration.settings.mail.outgoing
    if scope is PauseScope.RELAY and name not in relays:
        not_found("relay", name, relays)


def called(scope: PauseScope, name: str) -> str:
    """Return what is paused, as a sentence begins with it."""
    return "sending" if scope is PauseScope.ALL else f"the {scope} {name}"


async def waiting_mails(application: Application) -> int:
    """Return how many mails have yet to be sent."""
    counts = await application.store.count_deliveries()
    return sum(count for state, count in counts.items() if state in OPEN)
