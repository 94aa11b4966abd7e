"""What a known paper takes from an entry, and what two papers become when they turn out to be one.

Pure: papers and entries in, papers out. :mod:`newsletter.core.joining` decides which paper an entry is about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from newsletter.core.identity import entry_arxiv_id, entry_doi, parse_arxiv_id
from newsletter.model import AnnounceType, Community, Paper, PaperVersion

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import Entry

STRENGTH: Final = (AnnounceType.REPLACE_CROSS, AnnounceType.REPLACE, AnnounceType.CROSS, AnnounceType.NEW)


@dataclass(frozen=True, slots=True)
class Collection:
    """The collection in which entries came: ``arrival`` is its number, ``is_first`` the source's first success."""

    source: str
    arrival: int
    now: datetime
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of an entry: the paper as it is now, the version it showed, and what kind of change that was."""

    paper: Paper
    version: PaperVersion | None = None
    is_newer_version: bool = False


def merge(paper: Paper | None, entry: Entry, collection: Collection, previous: Entry | None = None) -> Merged:
    """Return ``paper`` with what ``entry`` adds, or a new paper (with id 0) when there is none yet.

    ``previous`` is what the same source said of it under the same id before: text that the paper has from there follows
    an edit. Blanks are filled; a version that is newer, or the first one that is known to be arXiv's own text, brings
    its title and abstract; votes and the like are replaced by newer ones; nothing known is ever emptied.
    """
    number = entry_version(entry)
    before = paper or new_paper(entry, collection)
    leads = number is not None and (before.version is None or number > before.version)
    is_newer = leads and paper is not None and paper.version is not None
    after = with_lead(before, entry) if leads else with_edits(before, entry, previous)
    after = with_blanks_filled(after, entry)
    first, second = (entry, before) if leads else (before, entry)
    after = replace(
        after,
        version=number if leads else before.version,
        version_arrival=collection.arrival if is_newer else before.version_arrival,
        version_seen_at=collection.now if is_newer else before.version_seen_at,
        categories=united(first.categories, second.categories),
        announce_type=strongest(before.announce_type, entry.announce_type),
        community=newer_community(before.community, entry.community),
        sources=united(before.sources, (collection.source,)),
    )
    if is_promoted(before, after):
        after = replace(after, arrival=collection.arrival)
    return Merged(after, version_of(entry, number, collection), is_newer)


def new_paper(entry: Entry, collection: Collection) -> Paper:
    """Return the paper that an entry brings when nobody has spoken of it before; id 0 until it is stored."""
    return Paper(
        id=0,
        title=entry.title,
        abstract=entry.abstract,
        authors=entry.authors,
        url=entry.url,
        first_seen_at=collection.now,
        arrival=collection.arrival,
        published_at=entry.published_at,
        categories=entry.categories,
        announce_type=entry.announce_type,
        sources=(collection.source,),
        backlog=collection.is_first,
    )


def entry_version(entry: Entry) -> int | None:
    """Return the version of the text in an entry; a link to a version says nothing about the text beside it."""
    if entry.version is not None:
        return entry.version
    found = parse_arxiv_id(entry.entry_id)
    return found[1] if found else None


def version_of(entry: Entry, number: int | None, collection: Collection) -> PaperVersion | None:
    """Return the version that an entry shows, if it tells its number."""
    if number is None:
        return None
    return PaperVersion(number, entry.title, entry.abstract, collection.now, collection.source)


def with_lead(paper: Paper, entry: Entry) -> Paper:
    """Return ``paper`` in the words of ``entry``, where that has any."""
    return replace(
        paper,
        title=entry.title or paper.title,
        abstract=entry.abstract or paper.abstract,
        authors=entry.authors or paper.authors,
        url=entry.url or paper.url,
        pdf_url=entry.pdf_url or paper.pdf_url,
        comment=entry.comment or paper.comment,
        journal_reference=entry.journal_reference or paper.journal_reference,
        doi=entry_doi(entry) or paper.doi,
    )


def with_edits(paper: Paper, entry: Entry, previous: Entry | None) -> Paper:
    """Return ``paper`` with what its source has since changed of the text that it had from there."""
    if previous is None:
        return paper
    return replace(
        paper,
        title=entry.title if entry.title and paper.title == previous.title else paper.title,
        abstract=entry.abstract if entry.abstract and paper.abstract == previous.abstract else paper.abstract,
        authors=entry.authors if entry.authors and paper.authors == previous.authors else paper.authors,
        comment=entry.comment if entry.comment and paper.comment == previous.comment else paper.comment,
    )


def with_blanks_filled(paper: Paper, entry: Entry) -> Paper:
    """Return ``paper`` with what ``entry`` knows and it did not."""
    return replace(
        paper,
        abstract=paper.abstract or entry.abstract,
        authors=paper.authors or entry.authors,
        url=paper.url or entry.url,
        published_at=paper.published_at or entry.published_at,
        arxiv_id=paper.arxiv_id or entry_arxiv_id(entry),
        doi=paper.doi or entry_doi(entry),
        pdf_url=paper.pdf_url or entry.pdf_url,
        comment=paper.comment or entry.comment,
        journal_reference=paper.journal_reference or entry.journal_reference,
    )


def is_promoted(before: Paper, after: Paper) -> bool:
    """Whether a paper may now match where it did not: it gained an abstract or categories, or is now truly news."""
    return (
        (bool(after.abstract) and not before.abstract)
        or not set(after.categories) <= set(before.categories)
        or (before.announce_type.is_replacement and not after.announce_type.is_replacement)
    )


def strongest(one: AnnounceType, other: AnnounceType) -> AnnounceType:
    """Return which of two announcements says more: new, then cross, then replace, then replace-cross."""
    return max(one, other, key=STRENGTH.index)


def newer_community(old: Community, new: Community | None) -> Community:
    """Return ``old`` with every value that ``new`` has; what it is silent about stays."""
    if new is None:
        return old
    return Community(
        upvotes=old.upvotes if new.upvotes is None else new.upvotes,
        comments=old.comments if new.comments is None else new.comments,
        code_url=new.code_url or old.code_url,
        code_stars=old.code_stars if new.code_stars is None else new.code_stars,
        summary=new.summary or old.summary,
        keywords=new.keywords or old.keywords,
        organisation=new.organisation or old.organisation,
        thumbnail_url=new.thumbnail_url or old.thumbnail_url,
        page_url=new.page_url or old.page_url,
    )


def united(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return every value once, in order of appearance."""
    return tuple(dict.fromkeys((*first, *second)))


def unite(kept: Paper, other: Paper) -> Paper:
    """Return the one paper that two turned out to be, under the id of ``kept``.

    The text is that of the higher version, else that of ``kept``; ``arrival`` is the later one, so that whoever had
    only one of them behind them looks at it again (the ledger sees that nobody gets it twice).
    """
    leader, follower = (other, kept) if (other.version or 0) > (kept.version or 0) else (kept, other)
    newest = max(kept, other, key=lambda paper: paper.version_arrival or 0)
    return replace(
        leader,
        id=kept.id,
        abstract=leader.abstract or follower.abstract,
        authors=leader.authors or follower.authors,
        url=leader.url or follower.url,
        first_seen_at=min(kept.first_seen_at, other.first_seen_at),
        arrival=max(kept.arrival, other.arrival),
        published_at=leader.published_at or follower.published_at,
        categories=united(leader.categories, follower.categories),
        arxiv_id=leader.arxiv_id or follower.arxiv_id,
        doi=leader.doi or follower.doi,
        announce_type=strongest(kept.announce_type, other.announce_type),
        pdf_url=leader.pdf_url or follower.pdf_url,
        comment=leader.comment or follower.comment,
        journal_reference=leader.journal_reference or follower.journal_reference,
        community=newer_community(kept.community, other.community),
        sources=united(kept.sources, other.sources),
        backlog=kept.backlog and other.backlog,
        version_arrival=newest.version_arrival,
        version_seen_at=newest.version_seen_at,
    )
