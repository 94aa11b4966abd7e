"""``newsletter papers``: what has been collected."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 (Typer reads the annotations of commands)
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.cli.context import run
from newsletter.cli.documents import paper_document, sighting_document, version_document
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.cli.output import heading, note, print_fields, print_json, print_table, say
from newsletter.core.identity import parse_arxiv_id, parse_doi
from newsletter.core.text import readable, readable_name
from newsletter.errors import NotFoundError, QueryError
from newsletter.model import SearchFilters, SearchOrder, SearchPage, SearchRequest
from newsletter.service.search import WordSearch, checked_query

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.model import Entry, Paper, PaperVersion, Sighting
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="What has been collected.")


def day_option(words: str) -> Any:
    """Return an option that takes a day."""
    return typer.Option(metavar="DAY", formats=["%Y-%m-%d"], help=words, show_default=False)


@app.command()
def search(  # noqa: PLR0913 (each option is a parameter)
    context: typer.Context,
    query: Annotated[
        list[str], typer.Argument(metavar="QUERY", help="Words, or a query as in profiles.", show_default=False)
    ],
    *,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 20,
    order: Annotated[SearchOrder, typer.Option(help="The newest first, or those that fit best.")] = SearchOrder.NEWEST,
    since: Annotated[datetime | None, day_option("Published on this day (YYYY-MM-DD) or later.")] = None,
    until: Annotated[datetime | None, day_option("Published on this day or earlier.")] = None,
    source: Annotated[
        str, typer.Option(metavar="NAME", help="Only what this source brought.", show_default=False)
    ] = "",
    category: Annotated[
        str,
        typer.Option(metavar="CATEGORY", help="Only papers in it: cs.LG, or cs.* for the archive.", show_default=False),
    ] = "",
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="Where to go on, as told before.")] = 0,
    as_json: AsJson = False,
) -> None:
    r"""Search the collected papers, newest first.

    That is by the day they were published, or first seen where no source tells. The language is that of queries in
    profiles. Fields are ti:, abs:, au:, cat: and all:; AND, OR, NOT and parentheses join; "…" holds a phrase, diffus* a
    prefix. Quote the query, so that the shell leaves it alone. A paper whose id or DOI you know is found by `newsletter
    papers show`.

    \b
    Example:
      newsletter papers search 'ti:diffusion AND NOT cat:cs.CV'
      newsletter papers search --order best --category 'cs.*' unsupervised
    """
    text = " ".join(query)
    filters = SearchFilters(since and since.date(), until and until.date(), source, category)
    try:
        checked_query(text)
    except QueryError as error:
        note_column(text, error.column)
        raise

    async def work(application: Application) -> SearchPage:
        request = SearchRequest(text, filters, order, offset, limit)
        return await WordSearch(application.store).search(request, application.now())

    page = run(context, work)
    shown = [hit.paper for hit in page.hits]
    if as_json:
        print_json([paper_document(paper) for paper in shown])
    else:
        rows = [(paper.arxiv_id or paper.id, _known_at(paper).date(), readable(paper.title)) for paper in shown]
        print_table(("ID", "DATE", "TITLE"), rows, wide="TITLE")
    if not shown:
        is_identifier = parse_arxiv_id(text) or parse_doi(text)
        note("no paper matches" + (f"; `newsletter papers show {text}` finds it by its id" if is_identifier else ""))
    if page.next_offset is not None:
        which = "newest" if order is SearchOrder.NEWEST else "best"
        note(f"only the {which} {limit:,} are shown; --limit shows more, --offset {page.next_offset} the next")


@app.command()
def show(
    context: typer.Context,
    reference: Annotated[
        str,
        typer.Argument(metavar="REFERENCE", help="An id, arXiv id, DOI, link or part of a title.", show_default=False),
    ],
    *,
    full: Annotated[bool, typer.Option("--full", help="With the abstract that each source and version gave.")] = False,
    as_json: AsJson = False,
) -> None:
    r"""Show a paper, and where it came from.

    That is what its sources make of it together, what each of them said otherwise, and which versions were seen.

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
        _print_paper(found[0])
        _print_sightings(found[0], sightings, full=full)
        _print_versions(versions, full=full)


def _known_at(paper: Paper) -> datetime:
    return paper.published_at or paper.first_seen_at


def note_column(query: str, column: int) -> None:
    """Show on standard error where in a query something is wrong."""
    typer.echo(f"  {query}", err=True)
    typer.echo(f"  {' ' * (column - 1)}^", err=True)


def _offer(found: list[Paper], reference: str, *, as_json: bool) -> None:
    """Show the papers that a reference may mean, and end with NotFoundError: it names none of them."""
    if as_json:
        print_json({"candidates": [paper_document(paper) for paper in found]})
    else:
        print_table(("ID", "TITLE"), [(paper.id, readable(paper.title)) for paper in found], wide="TITLE")
    raise NotFoundError(f"“{reference}” may mean {len(found)} papers (give the ID of one)")


def _print_paper(paper: Paper) -> None:
    community = paper.community
    print_fields(
        [
            ("title", readable(paper.title)),
            ("authors", list(map(readable_name, paper.authors))),
            ("id", paper.id),
            ("link", paper.url),
            ("arXiv", paper.arxiv_id and f"{paper.arxiv_id}v{paper.version}" if paper.version else paper.arxiv_id),
            ("DOI", paper.doi),
            ("categories", paper.categories),
            ("published", paper.published_at),
            ("first seen", paper.first_seen_at),
            ("journal", paper.journal_reference),
            ("comment", paper.comment and readable(paper.comment)),
            ("upvotes", community.upvotes),
            ("good votes", paper.good_votes or None),
            ("code", community.code_url),
            ("abstract", readable(paper.abstract)),
        ]
    )


def _print_sightings(paper: Paper, sightings: Sequence[Sighting], *, full: bool) -> None:
    heading("What each source said")
    for sighting in sightings:
        entry = sighting.entry
        version = f" v{entry.version}" if entry.version else ""
        say(f"{_moment(sighting.first_seen_at)} {sighting.source}: {entry.announce_type}{version} {entry.entry_id}")
        print_fields(_differences(paper, entry, full=full))


def _differences(paper: Paper, entry: Entry, *, full: bool) -> Iterator[tuple[str, object]]:
    """Yield what a source stated otherwise than the paper stands; with ``full`` its abstract as well."""
    made: dict[str, tuple[object, object]] = {
        "title": (readable(entry.title), readable(paper.title)),
        "authors": (list(map(readable_name, entry.authors)), list(map(readable_name, paper.authors))),
        "categories": (entry.categories, paper.categories),
        "published": (entry.published_at, paper.published_at),
    }
    if full:
        made["abstract"] = readable(entry.abstract), readable(paper.abstract)
    for label, (stated, merged) in made.items():
        if stated != merged:
            yield f"  {label}", stated


def _print_versions(versions: Sequence[PaperVersion], *, full: bool) -> None:
    if versions:
        heading("Versions")
    for seen in versions:
        say(f"v{seen.version} {_moment(seen.first_seen_at)} from {seen.source}: {readable(seen.title)}")
        if full:
            print_fields([("  abstract", readable(seen.abstract))])


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
