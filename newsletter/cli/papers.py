"""``newsletter papers``: what has been collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import run
from newsletter.cli.documents import paper_document, sighting_document, version_document
from newsletter.cli.output import heading, note, print_fields, print_json, print_table, say
from newsletter.cli.subscriber_options import AsJson  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.core.query_parse import parse_query
from newsletter.core.search import Searcher
from newsletter.errors import NotFoundError, QueryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from newsletter.model import Paper, PaperVersion, Sighting
    from newsletter.ports import PaperStore
    from newsletter.wiring import Application

app = typer.Typer(no_args_is_help=True, help="What has been collected.")

BATCH = 500


@app.command()
def search(
    context: typer.Context,
    query: Annotated[
        list[str], typer.Argument(metavar="QUERY", help="Words, or a query as in profiles.", show_default=False)
    ],
    *,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    r"""Search the collected papers, newest first.

    The language is that of queries in profiles. Fields are ti:, abs:, au:, cat: and all:; AND, OR, NOT and parentheses
    join; "…" holds a phrase, diffus* a prefix. Quote the query, so that the shell leaves it alone.

    \b
    Example:
      newsletter papers search 'ti:diffusion AND NOT cat:cs.CV'
    """
    text = " ".join(query)
    try:
        parse_query(text)
    except QueryError as error:
        note_column(text, error.column)
        raise

    async def work(application: Application) -> list[Paper]:
        found: list[Paper] = []
        async for paper in matching_papers(application.store, text):
            found.append(paper)
            if len(found) >= limit:
                break
        return found

    found = run(context, work)
    if as_json:
        print_json([paper_document(paper) for paper in found])
        return
    rows = [
        (paper.arxiv_id or paper.id, paper.published_at and paper.published_at.date(), paper.title) for paper in found
    ]
    print_table(("ID", "PUBLISHED", "TITLE"), rows, wide="TITLE")
    if not found:
        note("no paper matches")


@app.command()
def show(
    context: typer.Context,
    reference: Annotated[
        str,
        typer.Argument(metavar="REFERENCE", help="An id, arXiv id, DOI, link or part of a title.", show_default=False),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    r"""Show a paper, and where it came from.

    That is what its sources make of it together, what each of them said, and which versions were seen.

    \b
    Example:
      newsletter papers show 2305.15558
      newsletter papers show "attention is all"
    """

    async def work(application: Application) -> tuple[list[Paper], list[Sighting], list[PaperVersion]]:
        store = application.store
        found = await store.find_papers(reference)
        if not found:
            advice = "`newsletter papers search` finds papers by their words"
            raise NotFoundError(f"there is no paper “{reference}” ({advice})")
        if len(found) > 1:
            return found, [], []
        return found, await store.sightings(found[0].id), await store.versions(found[0].id)

    found, sightings, versions = run(context, work)
    if len(found) > 1:
        _offer(found, reference, as_json=as_json)
    elif as_json:
        more = {
            "sightings": [sighting_document(sighting) for sighting in sightings],
            "versions": [version_document(version) for version in versions],
        }
        print_json(paper_document(found[0]) | more)
    else:
        _print_paper(found[0], sightings, versions)


async def matching_papers(store: PaperStore, query: str) -> AsyncIterator[Paper]:
    """Yield the papers that a query takes, newest arrival first, without holding all papers in memory."""
    searcher = Searcher(query)
    batch: list[Paper] = []
    async for paper in store.all_papers():
        batch.append(paper)
        if len(batch) == BATCH:
            for match in _in_order(searcher, batch):
                yield match
            batch = []
    for match in _in_order(searcher, batch):
        yield match


def _in_order(searcher: Searcher, papers: list[Paper]) -> list[Paper]:
    taken = {match.paper_id for match in searcher.find(papers)}
    return [paper for paper in papers if paper.id in taken]


def note_column(query: str, column: int) -> None:
    """Show on standard error where in a query something is wrong."""
    typer.echo(f"  {query}", err=True)
    typer.echo(f"  {' ' * (column - 1)}^", err=True)


def _offer(found: list[Paper], reference: str, *, as_json: bool) -> None:
    """Show the papers that a reference may mean, and end with NotFoundError: it names none of them."""
    if as_json:
        print_json({"candidates": [paper_document(paper) for paper in found]})
    else:
        print_table(("ID", "TITLE"), [(paper.id, paper.title) for paper in found], wide="TITLE")
    raise NotFoundError(f"“{reference}” may mean {len(found)} papers (give the ID of one)")


def _print_paper(paper: Paper, sightings: list[Sighting], versions: list[PaperVersion]) -> None:
    community = paper.community
    print_fields(
        [
            ("title", paper.title),
            ("authors", paper.authors),
            ("id", paper.id),
            ("link", paper.url),
            ("arXiv", paper.arxiv_id and f"{paper.arxiv_id}v{paper.version}" if paper.version else paper.arxiv_id),
            ("DOI", paper.doi),
            ("categories", paper.categories),
            ("published", paper.published_at),
            ("first seen", paper.first_seen_at),
            ("journal", paper.journal_reference),
            ("comment", paper.comment),
            ("upvotes", community.upvotes),
            ("code", community.code_url),
            ("abstract", paper.abstract),
        ]
    )
    heading("What each source said")
    for sighting in sightings:
        entry = sighting.entry
        version = f" v{entry.version}" if entry.version else ""
        when = f"{sighting.first_seen_at:%Y-%m-%d %H:%M} UTC"
        say(f"{when} {sighting.source}: {entry.announce_type}{version} {entry.entry_id}")
    if versions:
        heading("Versions")
    for seen in versions:
        say(f"v{seen.version} {seen.first_seen_at:%Y-%m-%d %H:%M} UTC from {seen.source}: {seen.title}")
