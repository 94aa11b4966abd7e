"""``newsletter sources``: how each source is doing, and what one says right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import not_found, run
from newsletter.cli.documents import source_document
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.cli.output import heading, note, plural, print_fields, print_json, print_table, say, since
from newsletter.errors import NewsletterError
from newsletter.model import SourceState
from newsletter.wiring.parts import build_parts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from newsletter.cli.documents import Document
    from newsletter.model import Entry, FetchResult
    from newsletter.wiring.application import Application

app = typer.Typer(no_args_is_help=True, help="Where papers come from.")


@app.command("list")
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    r"""List the sources, and how each is doing.

    fresh: the last check brought papers. quiet: it answered and had nothing new. stale: nothing new for longer than
    usual. throttled: it asked us to wait. broken: it could not be fetched or read. unchecked: never asked.

    \b
    Example:
      newsletter sources list
    """

    async def work(application: Application) -> tuple[dict[str, str], Mapping[str, SourceState], datetime]:
        kinds: dict[str, str] = {
            name: settings.kind for name, settings in application.configuration.settings.sources.items()
        }
        return kinds, await application.store.source_states(), application.now()

    kinds, states, now = run(context, work)
    if as_json:
        print_json([source_document(name, kind, states.get(name, SourceState(name))) for name, kind in kinds.items()])
        return
    rows = [_row(name, kind, states.get(name, SourceState(name)), now) for name, kind in kinds.items()]
    print_table(("SOURCE", "KIND", "HEALTH", "NEW PAPER", "NEXT", "FAILED", "FAULT"), rows, wide="FAULT")
    if not rows:
        note("there are no sources; name some under sources: in newsletter.yaml")


@app.command("test")
def try_out(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A source of newsletter.yaml.", show_default=False)],
    *,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Show at most so many papers; 0 for all.")] = 5,
    as_json: AsJson = False,
) -> None:
    r"""Ask a source now, and store nothing.

    It shows what was understood of the answer. Exit code 1 when it cannot be fetched or read.

    \b
    Example:
      newsletter sources test arxiv --limit 1
    """

    async def work(application: Application) -> FetchResult:
        parts = build_parts(application)
        try:
            by_name = {scheduled.source.name: scheduled.source for scheduled in parts.sources}
            source = by_name[name] if name in by_name else not_found("source", name, by_name)
            return await source.fetch(SourceState(name))
        finally:
            await parts.aclose()

    result = run(context, work)
    shown = result.entries[:limit] if limit else result.entries
    if as_json:
        print_json(_result(name, result, shown))
    else:
        _print_result(result, shown)
    if result.fault is not None:
        raise NewsletterError(f"{name}: {result.fault.message} ({result.fault.kind})")


def _row(name: str, kind: str, state: SourceState, now: datetime) -> tuple[object, ...]:
    fault = state.fault.message if state.fault else ""
    age, wait = since(state.last_new_paper_at, now), since(state.next_check_at, now)
    return (name, kind, state.health, age or "never", wait or "now", state.failures or "", fault)


def _print_result(result: FetchResult, shown: tuple[Entry, ...]) -> None:
    for remark in result.notes:
        note(remark)
    if result.fault is not None:
        return
    if result.skipped:
        note(f"{plural(result.skipped, 'entry').replace('entrys', 'entries')} without a title left out")
    for entry in shown:
        heading(entry.title)
        print_fields(
            [
                ("authors", entry.authors),
                ("link", entry.url),
                ("id", entry.arxiv_id or entry.doi or entry.entry_id),
                ("version", entry.version),
                ("published", entry.published_at),
                ("categories", entry.categories),
                ("announced", entry.announce_type),
                ("upvotes", entry.community.upvotes if entry.community else None),
                ("abstract", entry.abstract),
            ]
        )
    say(f"{plural(len(result.entries), 'paper')} understood, {len(shown)} shown")


def _result(name: str, result: FetchResult, shown: tuple[Entry, ...]) -> Document:
    fault = result.fault
    return {
        "source": name,
        "fault": None if fault is None else {"kind": fault.kind, "message": fault.message},
        "notes": result.notes,
        "papers": len(result.entries),
        "skipped": result.skipped,
        "entries": [_entry(entry) for entry in shown],
    }


def _entry(entry: Entry) -> Document:
    return {
        "entry_id": entry.entry_id,
        "title": entry.title,
        "authors": entry.authors,
        "abstract": entry.abstract,
        "url": entry.url or None,
        "arxiv_id": entry.arxiv_id,
        "version": entry.version,
        "doi": entry.doi,
        "categories": entry.categories,
        "announce_type": entry.announce_type,
        "published_at": entry.published_at,
        "upvotes": entry.community.upvotes if entry.community else None,
    }
