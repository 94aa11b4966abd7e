"""``newsletter picks``: what curators recommend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import not_found, run
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.cli.output import note as remark
from newsletter.cli.output import print_json, print_table, say
from newsletter.core.text import readable
from newsletter.errors import NotFoundError
from newsletter.wiring.parts import build_parts

if TYPE_CHECKING:
    from newsletter.model import Paper, Pick
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="Editor's picks: what curators recommend.")

Reference = Annotated[
    str, typer.Argument(metavar="REFERENCE", help="An arXiv id, DOI or link of the paper.", show_default=False)
]
Curator = Annotated[
    str, typer.Option(metavar="NAME", help="Who picks it: one of the curators in newsletter.yaml.", show_default=False)
]


@app.command()
def add(
    context: typer.Context,
    reference: Reference,
    *,
    curator: Curator,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why one should read it; readers see it.")] = "",
) -> None:
    r"""Pick a paper, with a note that readers see.

    A paper that no source has brought yet is asked for at arXiv. Picked again by the same curator, it gets the new
    note.

    \b
    Example:
      newsletter picks add 2305.15558 --curator "Ada Lovelace" --note "Short."
    """

    async def work(application: Application) -> Paper:
        check_curator(application, curator)
        parts = build_parts(application)
        try:
            return await parts.picking.add(reference, curator, note, application.now())
        finally:
            await parts.aclose()

    paper = run(context, work)
    say(f"{curator} picks paper {paper.id}: {readable(paper.title)}")


@app.command("list")
def list_picks(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    r"""List picks, newest first.

    \b
    Example:
      newsletter picks list --limit 5
    """

    async def work(application: Application) -> tuple[list[Pick], dict[int, Paper]]:
        picks = await application.store.picks(limit=limit)
        return picks, await application.store.papers([pick.paper_id for pick in picks])

    picks, papers = run(context, work)
    titles = {paper_id: readable(paper.title) for paper_id, paper in papers.items()}
    if as_json:
        documents = [
            {
                "paper_id": pick.paper_id,
                "title": titles[pick.paper_id],
                "curator": pick.curator,
                "note": pick.note,
                "picked_at": pick.picked_at,
            }
            for pick in picks
        ]
        print_json(documents)
        return
    rows = [(pick.paper_id, pick.picked_at.date(), pick.curator, titles[pick.paper_id], pick.note) for pick in picks]
    print_table(("PAPER", "DATE", "CURATOR", "TITLE", "NOTE"), rows, wide="TITLE")
    if not picks:
        remark("nothing has been picked yet")


@app.command()
def remove(context: typer.Context, reference: Reference, *, curator: Curator) -> None:
    r"""Take a pick back.

    Pages and feeds forget it, and so do digests that are not planned yet.

    \b
    Example:
      newsletter picks remove 2305.15558 --curator "Ada Lovelace"
    """

    async def work(application: Application) -> Paper:
        found = await application.store.find_papers(reference)
        for paper in found:
            if await application.store.remove_pick(paper.id, curator):
                return paper
        raise NotFoundError(f"{curator} has not picked “{reference}” (`newsletter picks list` shows what was picked)")

    paper = run(context, work)
    say(f"{curator} no longer picks paper {paper.id}: {readable(paper.title)}")


@app.command()
def link(
    context: typer.Context,
    curator: Annotated[str, typer.Argument(metavar="NAME", help="Whose link.", show_default=False)],
) -> None:
    r"""Print the link to a curator's page, where they pick papers.

    Whoever has it picks in their name. Another number as the curator's `link` in newsletter.yaml ends it.

    \b
    Example:
      newsletter picks link "Ada Lovelace"
    """

    async def work(application: Application) -> str:
        number = check_curator(application, curator)
        return application.links.curate_url(curator, number)

    say(run(context, work))


def check_curator(application: Application, name: str) -> int:
    """Return the number of a curator's link; NotFoundError, with the nearest name, when there is no such curator."""
    curators = {curator.name: curator.link for curator in application.configuration.settings.curators}
    return curators[name] if name in curators else not_found("curator", name, curators)
