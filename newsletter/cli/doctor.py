"""``newsletter doctor``: everything that delivery hangs on, looked at, with the fix for what is not right."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path  # noqa: TC003 (Typer reads annotations at run time)
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import directory_of
from newsletter.cli.findings import look_up, resolver_of, show_findings
from newsletter.cli.round_trip import WAIT_S, trial_of, try_delivery
from newsletter.core.deliverability import no_selector
from newsletter.core.findings import Finding, Level, problem
from newsletter.core.links import Links
from newsletter.errors import ConfigurationError
from newsletter.service.doctor import Doctor, Facts
from newsletter.service.machine import Machine
from newsletter.settings.load import load_configuration
from newsletter.settings.secrets import link_secret
from newsletter.settings.signingkeys import signing_keys
from newsletter.settings.values import is_loopback
from newsletter.sources.arxiv import BASE_URL as ARXIV_URL
from newsletter.sources.huggingface import BASE_URL as HUGGING_FACE_URL
from newsletter.sources.probe import WebProbe
from newsletter.store.checkup import check_up
from newsletter.store.sql import open_store
from newsletter.wiring.application import Application, make_data_directory
from newsletter.wiring.mail import build_transport, build_ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.cli.round_trip import Trial
    from newsletter.mail.dns import DnsResolver
    from newsletter.settings.load import Configuration
    from newsletter.settings.models import Settings

NOBODY = 0  # the id that no subscriber ever has
DEFAULT_URLS = {"arxiv": ARXIV_URL, "huggingface": HUGGING_FACE_URL}


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(doctor)


def doctor(  # noqa: PLR0913 (each is an option)
    context: typer.Context,
    *,
    send_to: Annotated[
        str | None, typer.Option("--send-to", metavar="ADDRESS", help="Also send a sample digest there.")
    ] = None,
    maildir: Annotated[
        Path | None,
        typer.Option("--maildir", metavar="DIR", help="Where that arrives: wait for it, and read what it tells."),
    ] = None,
    wait: Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long at most.")] = WAIT_S,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make the mail of --send-to, and do not send it.")] = False,
    selectors: Annotated[
        list[str] | None,
        typer.Option("--dkim-selector", metavar="NAME", help="A selector that your relay signs with (DKIM)."),
    ] = None,
    nameserver: Annotated[
        str, typer.Option("--nameserver", metavar="ADDRESS[:PORT]", help="Ask this name server, not the system's.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Look at everything that delivery hangs on, and say what to do about what is not right.

    It asks the DNS for SPF, DKIM, DMARC, MX and the relay's name; opens a session with the relay (TLS, certificate,
    login); asks your pages as readers and mail programs do; compares clocks; and looks at disk, database, zones and
    configuration. Nothing is changed. What could not be asked is told as skipped.

    A sample sent to bounces.address is read back from the Maildir or the mailbox (IMAP) where bounces are read, and
    put away there as they are.

    Exit code 0: no problem was found, though perhaps warnings; 1: a problem was found.

    \b
    Examples:
      newsletter doctor --dkim-selector s1
      newsletter doctor --send-to you@example.org
      newsletter doctor --send-to bounces@example.org --wait 120
      newsletter doctor --send-to you@example.org --dry-run
    """
    configuration = load_configuration(directory_of(context))
    trial = trial_of(configuration.settings.bounces, send_to, maildir, wait, dry_run=dry_run)
    application, findings = _application(configuration)
    findings += _machine(configuration).examine()
    facts = _facts(application, tuple(selectors or ()))
    findings += asyncio.run(_look_outside(application, facts, resolver_of(nameserver), trial))
    show_findings(findings, as_json=as_json)
    if any(finding.level is Level.PROBLEM for finding in findings):
        raise typer.Exit(1)


async def _look_outside(
    application: Application, facts: dict[str, Facts], resolver: DnsResolver, trial: Trial | None
) -> list[Finding]:
    """Return what is found beyond this machine; all connections are closed at the end."""
    settings = application.configuration.settings
    keys = signing_keys(settings)
    transport, ways = build_transport(application), build_ways(application)
    names = list(ways)
    others = [] if facts[names[0]].is_caught else names[1:]
    doctors = {name: Doctor(facts[name], resolver, WebProbe(), way, application.now) for name, way in ways.items()}
    try:
        found = await doctors[names[0]].examine()
        if keys and not facts[names[0]].is_caught:  # what signs is known, and whether the DNS agrees with it
            found = [finding for finding in found if finding != no_selector()]
            found += await look_up(keys, settings.mail.signing_domain, resolver)
        found += [finding for name in others for finding in await doctors[name].relay()]
        if trial is not None:
            found += await try_delivery(application, transport, trial)
    finally:
        await asyncio.gather(transport.aclose(), *(way.aclose() for way in ways.values()))
        await application.store.aclose()
    return found


def _application(configuration: Configuration) -> tuple[Application, list[Finding]]:
    """Return the application without touching its database, and what is wrong with its secret."""
    settings, findings = configuration.settings, []
    try:
        make_data_directory(settings.data_directory)
        secret = link_secret(settings)
    except ConfigurationError as error:
        secret = secrets.token_urlsafe()
        findings = [problem("secret", f"{each.file}: {each.message}", each.advice) for each in error.problems]
    store = open_store(settings.database_url, settings.store.busy_timeout_s)
    return Application(configuration, store, Links(secret, settings.web.base_url)), findings


def _machine(configuration: Configuration) -> Machine:
    settings = configuration.settings
    named = [settings.defaults.zone, *(draft.zone for draft in configuration.file_subscribers)]
    return Machine(
        settings.data_directory,
        lambda: check_up(settings.database_url, settings.store.busy_timeout_s),
        frozenset(zone for zone in named if zone),
        configuration.warnings,
    )


def _facts(application: Application, selectors: tuple[str, ...]) -> dict[str, Facts]:
    """Return what is held against the world, for each relay by its name."""
    settings = application.configuration.settings
    mail = settings.mail
    domain = mail.sender.address.wire.rpartition("@")[2]
    back = settings.bounces.address.wire.rpartition("@")[2] if settings.bounces.address else domain
    common = Facts(
        domain=domain,
        bounce_domain=back if back != domain else "",
        relay_host="",
        login="",
        list_id=mail.list_identifier,
        base_url=settings.web.base_url,
        unsubscribe_url=application.links.unsubscribe_url(NOBODY),
        selectors=selectors,
        source_urls=tuple(_source_urls(settings)),
        is_caught=mail.catcher.enabled,
    )
    relays = mail.outgoing
    return {
        name: replace(
            common,
            relay_host=relay.host,
            login=relay.username or "",
            relay_name=name if len(relays) > 1 else "",
        )
        for name, relay in relays.items()
    }


def _source_urls(settings: Settings) -> Iterator[str]:
    for source in settings.sources.values():
        url = getattr(source, "url", None) or getattr(source, "base_url", None) or DEFAULT_URLS.get(source.kind)
        if url and not is_loopback(url.partition("://")[2].partition("/")[0].partition(":")[0]):
            yield url
