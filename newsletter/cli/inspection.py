"""Looking before it is sent, and after: ``status``, ``send-test`` and ``why``."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from newsletter.cli.context import find_profile, find_subscriber, is_address, run
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads annotations at run time)
from newsletter.cli.output import heading, note, plural, print_fields, print_json, print_table, say
from newsletter.core.address import parse_address
from newsletter.core.clearance import described
from newsletter.core.text import readable
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.mail.sample import sample_digest
from newsletter.model import IssueKind, OutcomeKind
from newsletter.service.issue import stand_in
from newsletter.service.status import Status, missing_profile, read_status
from newsletter.service.why import Verdict, why_profile, why_subscriber
from newsletter.wiring.application import start_catcher
from newsletter.wiring.mail import build_renderer, build_transport
from newsletter.wiring.parts import build_issuer

if TYPE_CHECKING:
    from newsletter.mail.prepared import PreparedDigest
    from newsletter.model import Outcome, Subscriber
    from newsletter.service.edition import Proposal
    from newsletter.wiring.application import Application

WhoArgument = Annotated[
    str, typer.Argument(metavar="SUBSCRIBER_OR_PROFILE", help="A subscriber's address, or a profile's name.")
]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(status)
    app.command("send-test")(send_test)
    app.command()(why)


def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say how things stand: sources, subscribers, deliveries, and what is due next.

    The exit code is 1 when an issue of the last days does not add up; `newsletter deliveries report` shows it.

    \b
    Example: newsletter status --json
    """

    async def work(application: Application) -> Status:
        sources = tuple(application.configuration.settings.sources)
        found = await read_status(application.store, sources, application.profiles, application.now())
        address = application.configuration.settings.mail.redirect_all_to
        return replace(found, redirected_to=address.text) if address else found

    found = run(context, work)
    if as_json:
        print_json(asdict(found) | {"sealed": found.clearance.is_sealed})
    else:
        _show_status(found)
    if found.sums_fault:
        raise NewsletterError(found.sums_fault)


def _show_status(found: Status) -> None:
    rows = [
        (
            state.name,
            state.health,
            state.last_new_paper_at,
            state.next_check_at,
            state.fault.message if state.fault else "",
        )
        for state in found.sources
    ]
    print_table(("source", "health", "last new paper", "next check", "fault"), rows, wide="fault")
    heading("Subscribers")
    print_fields([(str(key), count) for key, count in found.subscribers.items()] or [("none", 0)])
    for name, count in found.missing_profiles.items():
        note(f"newsletter: {missing_profile(name, count)}")
    heading("Deliveries")
    print_fields([(str(key), count) for key, count in found.deliveries.items()] or [("none", 0)])
    print_fields([("next issue", found.next_issue_at), ("next attempt", found.next_attempt_at)])
    if found.redirected_to:
        note(f"newsletter: every mail goes to {found.redirected_to} alone, whoever it is meant for")
    for pause in found.clearance.pauses:
        note(f"newsletter: {described(pause)}")
    if found.clearance.is_sealed:
        note(f"newsletter: {found.clearance.refusal}")


def send_test(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where to send it.")],
    *,
    who: Annotated[
        str | None,
        typer.Option("--of", metavar="SUBSCRIBER_OR_PROFILE", help="Whose digest to send; default: a sample."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make the mail, and do not send it.")] = False,
) -> None:
    """Send one digest now, to see how it arrives. The ledger does not count it.

    The exit code is 1 when the server did not take it; what it said is printed.

    \b
    Examples:
      newsletter send-test you@example.org --of language-models
      newsletter send-test you@example.org --dry-run
    """
    recipient = parse_address(address)

    async def work(application: Application) -> Outcome | None:
        async with AsyncExitStack() as stack:
            subscriber, prepared = await _test_mail(application, who)
            subscriber = replace(subscriber, address=recipient)
            if dry_run:
                size = len(prepared.compose(subscriber, message_id(application), application.now()))
                say(f"“{prepared.subject}”, {size:,} bytes, would go to {recipient}")
                return None
            await start_catcher(application, stack)
            transport = build_transport(application)
            stack.push_async_callback(transport.aclose)
            message = prepared.compose(subscriber, message_id(application), application.now())
            sender = application.configuration.settings.mail.sender.address.wire
            return await transport.send(message, sender, recipient)

    outcome = run(context, work)
    if outcome is None:
        return
    if outcome.kind is not OutcomeKind.ACCEPTED:
        raise NewsletterError(f"the mail was {outcome.kind}: {outcome.code or ''} {outcome.text}".replace(":  ", ": "))
    say(f"accepted: {outcome.code} {outcome.text}")


def why(
    context: typer.Context,
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="An arXiv id, DOI, link, id, or part of a title.")],
    who: WhoArgument,
    *,
    as_json: AsJson = False,
) -> None:
    """Say why a paper was, or was not, sent to somebody, or is taken by a profile.

    \b
    Example: newsletter why 2305.15558 reader@example.org
    """

    async def work(application: Application) -> Verdict:
        found = await application.store.find_papers(paper)
        if not found:
            raise NotFoundError(f"there is no paper “{paper}” in the store (`newsletter papers search` looks for one)")
        if len(found) > 1:
            note(f"{plural(len(found), 'paper')} fit; this is about the first")
        if not is_address(who):
            return why_profile(found[0], find_profile(application.configuration.profiles, who))
        subscriber = await find_subscriber(application.store, who)
        return await why_subscriber(
            application.store, build_issuer(application), found[0], subscriber, application.now()
        )

    verdict = run(context, work)
    if as_json:
        print_json({"verdict": verdict.verdict, "lines": verdict.lines, "paper": asdict(verdict.paper),
                    "matches": [asdict(match) for match in verdict.matches]})  # fmt: skip
        return
    say(readable(verdict.paper.title))
    say(f"{verdict.verdict}:")
    for line in verdict.lines:
        say(f"  - {line}")


async def reader_of(application: Application, who: str) -> Subscriber:
    """Return the subscriber of this address, or a new reader of the profile of this name."""
    if is_address(who):
        return await find_subscriber(application.store, who)
    profile = find_profile(application.configuration.profiles, who)
    return stand_in(profile.name, application.now())


async def _prepare(application: Application, who: str) -> tuple[Proposal, PreparedDigest]:
    subscriber = await reader_of(application, who)
    (proposal,) = await build_issuer(application).propose([subscriber], application.now())
    return proposal, build_renderer(application).prepare(proposal.digest, proposal.papers)


async def _test_mail(application: Application, who: str | None) -> tuple[Subscriber, PreparedDigest]:
    if who is None:
        digest, papers = sample_digest(IssueKind.DIGEST)
        return stand_in("", application.now()), build_renderer(application).prepare(digest, papers)
    proposal, prepared = await _prepare(application, who)
    return proposal.subscriber, prepared


def message_id(application: Application) -> str:
    """Return a Message-ID for a mail that the ledger does not count."""
    domain = application.configuration.settings.mail.sender.address.wire.rpartition("@")[2]
    return f"<test.{uuid4().hex}@{domain}>"
