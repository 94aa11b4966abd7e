"""``newsletter profiles``: what each profile says, and what it would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import find_profile, run
from newsletter.cli.documents import paper_document, profile_document, reason_document
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.cli.output import heading, note, plural, print_fields, print_json, print_table, say
from newsletter.core.keyword_text import format_keyword
from newsletter.core.text import readable
from newsletter.service.dry_run import Trial, papers_of_days, try_profile

if TYPE_CHECKING:
    from newsletter.cli.documents import Document
    from newsletter.model import Match, Profile, Topic
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="What readers care about.")

TOO_MUCH = 0.5
Name = Annotated[str, typer.Argument(metavar="NAME", help="A profile.", show_default=False)]


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    r"""List the profiles.

    \b
    Example:
      newsletter profiles list
    """

    async def work(application: Application) -> tuple[Profile, ...]:
        return tuple(application.configuration.profiles)

    found = run(context, work)
    if as_json:
        print_json([profile_document(profile) for profile in found])
        return
    rows = [(item.name, len(item.topics), _keyword_count(item), item.title) for item in found]
    print_table(("PROFILE", "TOPICS", "KEYWORDS", "TITLE"), rows, wide="TITLE")
    if not found:
        note("there are no profiles; add a file to profiles/ in the configuration directory")


@app.command()
def show(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    r"""Show a profile as it is in force.

    \b
    Example:
      newsletter profiles show language-models
    """

    async def work(application: Application) -> Profile:
        return find_profile(application.configuration.profiles, name)

    profile = run(context, work)
    if as_json:
        print_json(profile_document(profile))
        return
    print_fields(
        [
            ("name", profile.name),
            ("title", profile.title),
            ("description", profile.description),
            ("exclude", [format_keyword(keyword) for keyword in profile.exclude]),
            ("authors", profile.authors),
            ("categories", profile.categories),
            ("sources", profile.sources),
            ("minimum score", profile.minimum_score),
            ("at most", plural(profile.maximum_papers, "paper")),
            ("replacements", profile.replacements),
            ("ranked by", "votes" if profile.trending else "score"),
        ]
    )
    for topic in profile.topics:
        _print_topic(topic)


@app.command("test")
def try_out(
    context: typer.Context,
    name: Name,
    *,
    days: Annotated[int, typer.Option(min=1, metavar="N", help="Try it on the papers of the last N days.")] = 7,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Show at most so many papers; 0 for all.")] = 20,
    as_json: AsJson = False,
) -> None:
    r"""Try a profile on the stored papers.

    It shows what the profile takes, with scores and reasons, and how much of all papers that is. Nothing is sent or
    stored. A digest holds at most the profile's maximum_papers of these.

    \b
    Example:
      newsletter profiles test language-models --days 14
    """

    async def work(application: Application) -> Trial:
        profile = find_profile(application.configuration.profiles, name)
        return try_profile(profile, days, await papers_of_days(application.store, days, application.now()))

    trial = run(context, work)
    shown = trial.matches[:limit] if limit else trial.matches
    if as_json:
        print_json(_document(trial, shown))
    else:
        _print_trial(trial, shown)
    if trial.share > TOO_MUCH:
        note(f"warning: {name} takes {trial.share:.0%} of all papers: its keywords may be too general")


def _print_trial(trial: Trial, shown: tuple[Match, ...]) -> None:
    for match in shown:
        heading(f"{match.score:.2f}  {readable(trial.papers[match.paper_id].title)}")
        say(f"topic {match.topic}")
        for reason in match.reasons:
            say(f"+{reason.score:.2f} {reason.kind} {reason.text} in the {reason.field}")
    heading(
        f"{trial.profile.name} takes {trial.taken:,} of {plural(len(trial.papers), 'paper')}"
        f" of the last {plural(trial.days, 'day')} ({trial.share:.1%})"
    )
    if len(shown) < len(trial.matches):
        note(f"only the best {len(shown)} are shown; --limit 0 shows all")


def _document(trial: Trial, shown: tuple[Match, ...]) -> Document:
    return {
        "profile": trial.profile.name,
        "days": trial.days,
        "papers": len(trial.papers),
        "taken": trial.taken,
        "share": round(trial.share, 4),
        "matches": [
            {
                "paper": paper_document(trial.papers[match.paper_id]),
                "topic": match.topic,
                "score": match.score,
                "reasons": [reason_document(reason) for reason in match.reasons],
            }
            for match in shown
        ],
    }


def _keyword_count(profile: Profile) -> int:
    return sum(len(topic.keywords) for topic in profile.topics)


def _print_topic(topic: Topic) -> None:
    heading(topic.name)
    print_fields([("query", topic.query)])
    for keyword in topic.keywords:
        say(f"  {format_keyword(keyword)}")
