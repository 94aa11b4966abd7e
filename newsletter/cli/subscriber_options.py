"""The options that say what somebody gets and when, shared by ``subscribers add`` and ``subscribers edit``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from newsletter.cli.documents import subscriber_document
from newsletter.cli.output import note, print_json, say
from newsletter.core.keyword import validate_keyword
from newsletter.core.keyword_text import format_keyword, parse_keyword
from newsletter.errors import ConfigurationError, ConflictError
from newsletter.model import Frequency, Origin, Problem
from newsletter.service.drafts import Vocabulary, read_draft
from newsletter.settings.profiles import profile_paths
from newsletter.wiring.mail import build_renderer

if TYPE_CHECKING:
    from newsletter.model import Keyword, Subscriber, SubscriberDraft
    from newsletter.wiring.application import Application

T = TypeVar("T")

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="Their mail address.", show_default=False)]
Profiles = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="A profile they take; repeat it for more.", show_default=False)
]
Keywords = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEYWORD",
        help='A keyword of their own, such as "graph*" or "title:RAG^2"; repeat it for more.',
        show_default=False,
    ),
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="Their time zone, such as Europe/Berlin.", show_default=False)]
At = Annotated[str, typer.Option(metavar="HH:MM", help="When their digest comes, in their zone.", show_default=False)]
FrequencyName = Annotated[str, typer.Option(metavar="HOW_OFTEN", help="daily, weekdays or weekly.", show_default=False)]
On = Annotated[str, typer.Option(metavar="WEEKDAY", help="The day of a weekly digest.", show_default=False)]
Language = Annotated[str, typer.Option(metavar="CODE", help="Language of their mails, such as en.", show_default=False)]
Template = Annotated[str, typer.Option(metavar="NAME", help="Template of their mails.", show_default=False)]

OPTIONS = {
    "address": "ADDRESS",
    "profiles": "--profile",
    "keywords": "--keyword",
    "send_at": "--at",
    "weekday": "--on",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What the options said, unread; empty for what they did not."""

    address: str
    profile: list[str] | None = None
    keyword: list[str] | None = None
    zone: str = ""
    at: str = ""
    frequency: str = ""
    on: str = ""
    language: str = ""
    template: str = ""


def vocabulary_of(application: Application) -> Vocabulary:
    """Return the names that may be used of subscribers here."""
    profiles = frozenset(profile.name for profile in application.configuration.profiles)
    return Vocabulary(profiles, frozenset(build_renderer(application).template_names()))


def draft_from(words: Words, application: Application) -> SubscriberDraft:
    """Return the draft that the options describe; ConfigurationError with everything that is wrong with them."""
    by_column = {
        "address": words.address,
        "profiles": ";".join(words.profile or []),
        "keywords": ";".join(words.keyword or []),
        "zone": words.zone,
        "send_at": words.at,
        "frequency": words.frequency or (Frequency.WEEKLY if words.on else ""),
        "weekday": words.on,
        "language": words.language,
        "template": words.template,
    }
    draft, refusals = read_draft(by_column, vocabulary_of(application))
    if draft is None:
        problems = [
            Problem(OPTIONS.get(refusal.column, f"--{refusal.column}"), 0, 0, refusal.message, refusal.advice)
            for refusal in refusals
        ]
        raise ConfigurationError(problems)
    return draft


def edited(
    subscriber: Subscriber,
    draft: SubscriberDraft,
    profiles: tuple[list[str] | None, list[str] | None],
    keywords: tuple[list[str] | None, list[str] | None],
) -> SubscriberDraft:
    """Return the draft with single entries added to and dropped from somebody's lists of profiles and keywords."""
    if any(profiles):
        before = draft.profiles if draft.profiles is not None else subscriber.profiles
        draft = replace(draft, profiles=_changed(before, profiles[0], profiles[1]))
    if any(keywords):
        words = draft.keywords if draft.keywords is not None else subscriber.keywords
        more, less = ([_keyword(text) for text in texts or []] for texts in keywords)
        _refuse_faulty(more)
        draft = replace(draft, keywords=_changed(words, more, less))
    return draft


def schedule_of(subscriber: Subscriber) -> str:
    """Return when somebody's digest comes, as "fridays 07:00 Europe/Berlin"."""
    often = f"{subscriber.weekday}s" if subscriber.frequency is Frequency.WEEKLY else subscriber.frequency
    return f"{often} {subscriber.send_at_local:%H:%M} {subscriber.zone}"


def tell(done: str, subscriber: Subscriber, *, as_json: bool) -> None:
    """Say what has been done to somebody, or print them as JSON."""
    if as_json:
        print_json(subscriber_document(subscriber))
        return
    keywords = ", ".join(format_keyword(keyword) for keyword in subscriber.keywords)
    takes = "; ".join(part for part in (", ".join(subscriber.profiles), keywords) if part) or "nothing yet"
    state = subscriber.status if subscriber.paused_until is None else f"paused until {subscriber.paused_until}"
    say(f"{done} {subscriber.address}: {state}, {schedule_of(subscriber)}, takes {takes}")
    if not (subscriber.profiles or subscriber.keywords):
        note("they take no profile and have no keyword, so there is nothing to send; give --profile or --keyword")


def refuse_file_owned(application: Application, subscriber: Subscriber) -> None:
    """Raise ConflictError, naming the file, when somebody is kept in a profile file and so has to be edited there."""
    if subscriber.origin is not Origin.FILE:
        return
    texts = {path: path.read_text("utf-8", "replace") for path in profile_paths(application.configuration.directory)}
    named = [str(path) for path, text in texts.items() if subscriber.address.text.casefold() in text.casefold()]
    places = ", ".join(named) or "no profile file any more"
    raise ConflictError(f"{subscriber.address} is kept in the profile files: edit subscribers: in {places}")


def _changed(before: tuple[T, ...], more: list[T] | None, less: list[T] | None) -> tuple[T, ...]:
    return tuple(item for item in dict.fromkeys((*before, *(more or []))) if item not in (less or []))


def _refuse_faulty(keywords: list[Keyword]) -> None:
    faults = filter(None, (validate_keyword(keyword.text) for keyword in keywords))
    if problems := [Problem("--add-keyword", 0, 0, fault) for fault in faults]:
        raise ConfigurationError(problems)


def _keyword(text: str) -> Keyword:
    try:
        return parse_keyword(text)
    except ValueError as error:
        raise ConfigurationError([Problem("--add-keyword", 0, 0, str(error))]) from error
