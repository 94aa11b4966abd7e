"""``newsletter subscribers``: one person at a time; many at once are :mod:`newsletter.cli.subscriber_files`."""

from __future__ import annotations

import getpass
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli import subscriber_files, subscriber_moves
from newsletter.cli.context import find_profile, find_subscriber, run
from newsletter.cli.documents import subscriber_document
from newsletter.cli.options import AsJson, member_of
from newsletter.cli.output import note, print_fields, print_json, print_table
from newsletter.cli.subscriber_options import (
    Address,
    At,
    FrequencyName,
    Keywords,
    Language,
    On,
    Profiles,
    Template,
    Words,
    Zone,
    draft_from,
    edited,
    refuse_file_owned,
    schedule_of,
    tell,
)
from newsletter.core.keyword_text import format_keyword
from newsletter.errors import ConfigurationError, NotFoundError
from newsletter.model import Consent, Origin, Problem, SubscriberStatus
from newsletter.service.drafts import advise_profile, complete, is_empty

if TYPE_CHECKING:
    from newsletter.model import Subscriber
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="Who gets the newsletter.")
DEFAULT_LIMIT = 100


@app.command()
def add(  # noqa: PLR0913 (each is an option)
    context: typer.Context,
    address: Address,
    *,
    profile: Profiles = None,
    keyword: Keywords = None,
    zone: Zone = "",
    at: At = "",
    frequency: FrequencyName = "",
    on: On = "",
    language: Language = "",
    template: Template = "",
    pending: Annotated[bool, typer.Option("--pending", help="They have yet to confirm: no mail until then.")] = False,
    as_json: AsJson = False,
) -> None:
    r"""Add somebody.

    What is not said is taken from the defaults in newsletter.yaml. Their consent is recorded as given on the command
    line, with your user name and the time: add only people who asked.

    \b
    Example:
      newsletter subscribers add ada@example.org --profile language-models \
          --keyword "protein folding" --zone Europe/London --at 07:30
    """
    words = Words(address, profile, keyword, zone, at, frequency, on, language, template)

    async def work(application: Application) -> Subscriber:
        settings = application.configuration.settings
        draft = draft_from(words, application)
        if pending:
            draft = replace(draft, status=SubscriberStatus.PENDING)
        now = application.now()
        consent = Consent("command-line", now, f"added by {_user()}")
        draft = complete(draft, settings.defaults, settings.newsletter.language)
        return await application.store.add_subscriber(draft, consent, Origin.STORE, now)

    tell("added", run(context, work), as_json=as_json)


@app.command()
def show(context: typer.Context, address: Address, *, as_json: AsJson = False) -> None:
    r"""Show what somebody gets, when, and since when.

    \b
    Example:
      newsletter subscribers show ada@example.org --json
    """

    async def work(application: Application) -> Subscriber:
        return await find_subscriber(application.store, address)

    subscriber = run(context, work)
    if as_json:
        print_json(subscriber_document(subscriber))
        return
    consent = subscriber.consent
    print_fields(
        [
            ("address", subscriber.address),
            ("status", subscriber.status),
            ("paused until", subscriber.paused_until),
            ("reason", subscriber.status_reason),
            ("digest", schedule_of(subscriber)),
            ("profiles", subscriber.profiles),
            ("keywords", [format_keyword(keyword) for keyword in subscriber.keywords]),
            ("language", subscriber.language),
            ("template", subscriber.template),
            ("kept in", "the profile files" if subscriber.origin is Origin.FILE else "the store"),
            ("consent", f"{consent.method}, {consent.given_at:%Y-%m-%d %H:%M} UTC {consent.proof}"),
            ("added", subscriber.created_at),
            ("changed", subscriber.updated_at),
        ]
    )


@app.command()
def edit(  # noqa: PLR0913 (each is an option)
    context: typer.Context,
    address: Address,
    *,
    new_address: Annotated[str, typer.Option("--address", metavar="ADDRESS", help="Their new address.")] = "",
    profile: Profiles = None,
    add_profile: Annotated[list[str] | None, typer.Option(metavar="NAME", help="One profile more.")] = None,
    drop_profile: Annotated[list[str] | None, typer.Option(metavar="NAME", help="One profile less.")] = None,
    keyword: Keywords = None,
    add_keyword: Annotated[list[str] | None, typer.Option(metavar="KEYWORD", help="One keyword more.")] = None,
    drop_keyword: Annotated[list[str] | None, typer.Option(metavar="KEYWORD", help="One keyword less.")] = None,
    zone: Zone = "",
    at: At = "",
    frequency: FrequencyName = "",
    on: On = "",
    language: Language = "",
    template: Template = "",
    as_json: AsJson = False,
) -> None:
    r"""Change what somebody gets, when, or where.

    What is not said stays as it is. --profile and --keyword replace the whole list (none empties it); --add-… and
    --drop-… change one entry.

    \b
    Example:
      newsletter subscribers edit ada@example.org --frequency weekly --on friday \
          --add-profile trending
    """
    words = Words(new_address or address, profile, keyword, zone, at, frequency, on, language, template)

    async def work(application: Application) -> Subscriber:
        subscriber = await find_subscriber(application.store, address)
        draft = draft_from(words, application)
        draft = edited(subscriber, draft, (add_profile, drop_profile), (add_keyword, drop_keyword))
        for name in add_profile or []:
            find_profile(application.configuration.profiles, name)
        if is_empty(draft) and not new_address:
            advice = "`newsletter subscribers edit --help` shows the options"
            raise ConfigurationError([Problem("subscribers edit", 0, 0, "there is nothing to change", advice)])
        refuse_file_owned(application, subscriber)
        return await application.store.edit_subscriber(subscriber.address.key, draft, application.now())

    tell("changed", run(context, work), as_json=as_json)


@app.command("list")
def list_(  # noqa: PLR0913 (each is an option)
    context: typer.Context,
    *,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="Only who has it: active, paused, …")] = None,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="Only who takes this profile.")] = None,
    origin: Annotated[
        str | None, typer.Option(metavar="ORIGIN", help="Only who is kept in the store, or file.")
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="Only whose address holds this.")] = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most so many; 0 for all.")] = DEFAULT_LIMIT,
    as_json: AsJson = False,
) -> None:
    r"""List subscribers in the order in which they came.

    \b
    Example:
      newsletter subscribers list --status active --profile trending
      newsletter subscribers list --limit 0 --json
    """
    has_status = member_of(SubscriberStatus, status, "--status")
    has_origin = member_of(Origin, origin, "--origin")

    async def work(application: Application) -> list[Subscriber]:
        wanted = limit + 1 if limit else None
        found = await application.store.list_subscribers(
            status=has_status, profile=profile, origin=has_origin, text=text, limit=wanted
        )
        names = [known.name for known in application.configuration.profiles]
        if profile is not None and not found and profile not in names:
            raise NotFoundError(f"there is no profile “{profile}” ({advise_profile(profile, names)})")
        return found

    found = run(context, work)
    shown = found[:limit] if limit else found
    if as_json:
        print_json([subscriber_document(subscriber) for subscriber in shown])
    else:
        rows = [(item.address, item.status, schedule_of(item), item.profiles) for item in shown]
        print_table(("ADDRESS", "STATUS", "DIGEST", "PROFILES"), rows, wide="PROFILES")
    if len(found) > len(shown):
        note(f"only the first {limit} are shown; --limit 0 shows all")


app.command("import")(subscriber_files.import_file)
app.command("export")(subscriber_files.export_file)
for _command in (subscriber_moves.pause, subscriber_moves.resume, subscriber_moves.remove):
    app.command()(_command)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "an unknown user"
