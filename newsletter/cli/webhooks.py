"""``newsletter webhooks``: who is told of what happens, how that goes, and another try for what was not taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import not_found, run
from newsletter.cli.options import AsJson, DryRun  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.cli.output import heading, note, plural, print_json, print_table, say, since
from newsletter.core.webhooks import body_of, make_secret
from newsletter.errors import ConflictError
from newsletter.model import EventKind, Posting, PostingState
from newsletter.wiring.webhooks import build_postman, wanted_webhooks

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.cli.documents import Document
    from newsletter.model import WebhookStanding
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="Programs that are told of what happens.")
SHOWN = 20
MOST = 100_000
ENDED = (PostingState.FAILED, PostingState.WAITING)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A webhook.", show_default=False)]


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    r"""List the webhooks, and what they did not take.

    It says how each stands, with the newest events.

    \b
    Example:
      newsletter webhooks list
    """

    async def work(application: Application) -> tuple[list[WebhookStanding], list[Posting], datetime]:
        store, now = application.store, application.now()
        await store.sync_webhooks(wanted_webhooks(application.configuration.settings), now)
        left = [each for state in ENDED for each in await store.list_postings(state=state, limit=SHOWN)]
        return await store.webhook_standings(), sorted(left, key=lambda each: -each.id)[:SHOWN], now

    standings, left, now = run(context, work)
    if as_json:
        told = [standing_document(each) for each in standings]
        print_json({"webhooks": told, "postings": [posting_document(each) for each in left]})
        return
    rows = [
        (
            each.name,
            "failing" if each.failures else "ok",
            each.waiting,
            each.failed,
            since(each.retry_at, now),
            each.fault,
        )
        for each in standings
    ]
    print_table(("WEBHOOK", "STATE", "WAITING", "FAILED", "UNTIL", "FAULT"), rows, wide="FAULT")
    if left:
        heading("Events that were not taken")
        shown = [
            (each.id, each.webhook, each.kind, each.occurred_at, each.state, each.attempts, each.fault) for each in left
        ]
        print_table(("ID", "WEBHOOK", "EVENT", "AT", "STATE", "TRIES", "FAULT"), shown, wide="FAULT")


@app.command()
def retry(
    context: typer.Context,
    name: Name,
    *,
    posting_id: Annotated[int | None, typer.Option("--id", metavar="ID", help="Only this event.")] = None,
    dry_run: DryRun = False,
) -> None:
    r"""Tell a webhook again of what it did not take.

    Also of what came too late, with a new deadline.

    The daemon posts it at its next tick. A receiver that has an event already knows it by its id.

    \b
    Examples:
      newsletter webhooks retry crm --dry-run
      newsletter webhooks retry crm
    """

    def is_meant(posting: Posting) -> bool:
        return posting.webhook == name and posting_id in (None, posting.id)

    async def work(application: Application) -> int:
        known(application, name)
        store, now = application.store, application.now()
        if not dry_run:
            await store.sync_webhooks(wanted_webhooks(application.configuration.settings), now)
            return await store.retry_postings(is_meant, now)
        found = [await store.list_postings(webhook=name, state=each, limit=MOST) for each in ENDED]
        return sum(map(is_meant, (each for some in found for each in some)))

    say(f"{plural(run(context, work), 'event')} {'would be' if dry_run else 'will be'} told again")


@app.command("test")
def try_out(context: typer.Context, name: Name, *, dry_run: DryRun = False) -> None:
    r"""Post a test event to a webhook.

    It is signed as all are, and the answer is shown. What waits for it is posted as well. With --dry-run it shows
    what would be posted.

    \b
    Example:
      newsletter webhooks test crm --dry-run
    """

    async def work(application: Application) -> Posting:
        known(application, name)
        store, now = application.store, application.now()
        if dry_run:
            return Posting(0, "", name, EventKind.TEST, now, None, None, {}, PostingState.WAITING, 0, now)
        await store.sync_webhooks(wanted_webhooks(application.configuration.settings), now)
        made = await store.put_test(name, now)
        await store.retry_postings(lambda each: each.id == made.id, now)
        postman = build_postman(application)
        postman.webhooks = [each for each in postman.webhooks if each.wanted.name == name]
        try:
            await postman.run()
        finally:
            await postman.aclose()
        return next(each for each in await store.list_postings(webhook=name) if each.id == made.id)

    posting = run(context, work)
    if dry_run:
        say(f"would post: {body_of(posting).decode()}")
    elif posting.state is PostingState.ACCEPTED:
        say(f"{name} took it ({posting.status_code})")
    else:
        raise ConflictError(f"{name} did not take it: {posting.fault or 'other events wait before it'}")


@app.command("make-secret")
def make_secret_() -> None:
    r"""Make a secret that signs what a webhook is told. Give it to newsletter.yaml and to the receiver.

    \b
    Example:
      newsletter webhooks make-secret
    """
    say(make_secret())
    note("This is the secret. It is shown once, and kept nowhere.")


def known(application: Application, name: str) -> None:
    """Raise NotFoundError when there is no webhook of this name."""
    endpoints = application.configuration.settings.webhooks.endpoints
    if name not in endpoints:
        not_found("webhook", name, endpoints)


def standing_document(standing: WebhookStanding) -> Document:
    """Return how a webhook stands for JSON."""
    return {
        "name": standing.name,
        "failures": standing.failures,
        "failing_since": standing.failing_since,
        "retry_at": standing.retry_at,
        "fault": standing.fault or None,
        "accepted_at": standing.accepted_at,
        "waiting": standing.waiting,
        "failed": standing.failed,
        "oldest_at": standing.oldest_at,
    }


def posting_document(posting: Posting) -> Document:
    """Return an event on its way for JSON, without what is in it."""
    return {
        "id": posting.id,
        "event_id": posting.event_id,
        "webhook": posting.webhook,
        "event": posting.kind,
        "occurred_at": posting.occurred_at,
        "subscriber_id": posting.subscriber_id,
        "state": posting.state,
        "attempts": posting.attempts,
        "ready_at": posting.ready_at,
        "finished_at": posting.finished_at,
        "status_code": posting.status_code,
        "fault": posting.fault or None,
    }
