"""``newsletter relays``: how each relay stands, and another chance for one that was left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import not_found, run
from newsletter.cli.documents import circuit_document, relay_document
from newsletter.cli.options import AsJson, DryRun  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.cli.output import heading, note, print_json, print_table, say, since
from newsletter.errors import ConfigurationError
from newsletter.model import CircuitScope, Problem
from newsletter.service.relays import RelayStanding, read_relays
from newsletter.wiring.mail import fleet_of

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import Circuit
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="Where mails go out.")


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    r"""List the relays and how each stands, and domains left alone.

    ready: it takes mail. limited: its limits let none through now. open: it failed, and is left alone until then.
    half-open: one mail tries whether it works again. paused: by `newsletter pause --relay`.

    \b
    Example:
      newsletter relays list
    """

    async def work(application: Application) -> tuple[list[RelayStanding], list[Circuit], datetime]:
        now = application.now()
        return *await read_relays(application.store, fleet_of(application.configuration.settings.mail), now), now

    standings, domains, now = run(context, work)
    if as_json:
        relays = [relay_document(each) for each in standings]
        print_json({"relays": relays, "domains": [circuit_document(each) for each in domains]})
        return
    columns = ("RELAY", "STATE", "UNTIL", "LEFT", "PRIORITY", "WEIGHT", "DOMAINS", "REASON")
    print_table(columns, [_row(each, now) for each in standings], wide="REASON")
    if domains:
        heading("Recipient domains that are left alone")
        rows = [(each.name, since(each.retry_at, now) or "now", each.failures, each.reason) for each in domains]
        print_table(("DOMAIN", "UNTIL", "FAILED", "REASON"), rows, wide="REASON")


@app.command()
def reset(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A relay.", show_default=False)] = None,
    *,
    domain: Annotated[
        str | None, typer.Option("--domain", metavar="DOMAIN", help="A recipient domain instead of a relay.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    r"""Give mail to a relay again that is left alone; unnamed, to all.

    For when you have mended what it refused. A running daemon sends within seconds; should it fail again, it is left
    alone again. Limits are not touched, and a paused relay stays paused.

    \b
    Examples:
      newsletter relays reset --dry-run
      newsletter relays reset --domain gmail.com --dry-run
    """
    if name is not None and domain is not None:
        raise ConfigurationError([Problem("--domain", 0, 0, "it cannot stand beside a relay", "reset them singly")])

    async def work(application: Application) -> list[Circuit]:
        return await _reset(application, name, domain, dry_run=dry_run)

    ended = run(context, work)
    if as_json:
        print_json([circuit_document(each) for each in ended])
        return
    for each in ended:
        said = "would be given mail again" if dry_run else "is given mail again"
        say(f"the {each.scope} {each.name} {said} (it failed {each.failures} in a row: {each.reason})")
    if not ended:
        what = f"the domain {domain}" if domain else f"the relay {name}" if name else ""
        note(f"{what} is not left alone; there is nothing to do" if what else "no relay is left alone")


async def _reset(application: Application, name: str | None, domain: str | None, *, dry_run: bool) -> list[Circuit]:
    """Close the circuits that are meant, and return them; NotFoundError when there is no such relay."""
    circuits = await application.store.circuits()
    scope = CircuitScope.RELAY if domain is None else CircuitScope.DOMAIN
    wanted = name if domain is None else domain.lower()
    found = [each for each in circuits if each.scope is scope and wanted in (None, each.name)]
    configured = application.configuration.settings.mail.outgoing
    if not found and name is not None and name not in configured:
        not_found("relay", name, configured)
    if not dry_run:
        for each in found:
            await application.store.turn_circuit(each.scope, each.name, lambda _: None)
    return found


def _row(each: RelayStanding, now: datetime) -> tuple[object, ...]:
    plan = each.plan
    tokens = ", ".join(f"{allowed.left} a {allowed.limit.window}" for allowed in each.allowances)
    domains, until = " ".join(plan.domains), since(each.until, now)
    return plan.name, each.state, until, tokens, plan.priority, f"{plan.weight:g}", domains, each.reason
