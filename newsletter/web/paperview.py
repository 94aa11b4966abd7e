"""A paper as pages show it: readable, marked where it matched, every link safe to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from newsletter.core.printable import clip
from newsletter.core.text import readable, readable_name
from newsletter.mail.excerpt import excerpt
from newsletter.mail.links import LinkView, paper_links
from newsletter.mail.marks import Marked, mark, mark_clipped
from newsletter.mail.words import Cause, causes
from newsletter.web.speaking import spoken

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from newsletter.model import Match, Paper, Pick, Reason

LONGEST_TITLE: Final = 300
LONGEST_URL: Final = 2_000
EXCERPT: Final = 320
SHOWN_AUTHORS: Final = 3
MOST_AUTHORS: Final = 100
SHOWN_CATEGORIES: Final = 4


@dataclass(frozen=True, slots=True)
class PaperView:
    """A paper in a list, or (``is_whole``) on its own page; ``why`` tells for each topic what it found."""

    id: int
    title: Marked
    abstract: Marked
    authors: tuple[str, ...]
    more_authors: int
    categories: tuple[str, ...]
    known_at: datetime
    votes: int | None
    links: tuple[LinkView, ...]
    topics: tuple[tuple[str, str], ...]
    why: tuple[tuple[str, str, tuple[Cause, ...]], ...]
    comment: str
    journal: str
    picks: tuple[Pick, ...]


def view_of(
    paper: Paper,
    reasons: Sequence[Reason] = (),
    *,
    topics: tuple[tuple[str, str], ...] = (),
    matches: Sequence[Match] = (),
    picks: Sequence[Pick] = (),
    is_whole: bool = False,
) -> PaperView:
    """Return a paper as pages show it, marked where ``reasons`` or ``matches`` say that it matched."""
    title, abstract = readable(paper.title), readable(paper.abstract)
    names = [clip(readable_name(name), 100) for name in paper.authors]
    fields = {"title": title, "abstract": abstract, "authors": ", ".join(map(readable_name, paper.authors))}
    told = [*reasons, *(reason for match in matches for reason in match.reasons)]
    in_title = tuple(span for reason in told if reason.field == "title" for span in reason.spans)
    in_abstract = tuple(span for reason in told if reason.field == "abstract" for span in reason.spans)
    named = dict(topics)
    shown = MOST_AUTHORS if is_whole else SHOWN_AUTHORS
    return PaperView(
        id=paper.id,
        title=mark_clipped(title, in_title, 1_000 if is_whole else LONGEST_TITLE),
        abstract=mark(abstract, in_abstract) if is_whole else excerpt(abstract, in_abstract, EXCERPT),
        authors=tuple(names[:shown]),
        more_authors=max(0, len(names) - shown),
        categories=tuple(clip(category, 40) for category in paper.categories[:SHOWN_CATEGORIES]),
        known_at=paper.published_at or paper.first_seen_at,
        votes=paper.votes,
        links=paper_links(paper, LONGEST_URL, lambda: 0, spoken()),
        topics=topics,
        why=tuple(
            (match.profile, named[match.profile], causes(match.reasons, paper, fields, spoken())) for match in matches
        ),
        comment=readable(paper.comment or ""),
        journal=readable(paper.journal_reference or ""),
        picks=tuple(picks),
    )
