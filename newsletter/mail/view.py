"""What templates see: a digest turned into values that can be printed as they are. ``docs/templates.md`` lists them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from newsletter.core.printable import clip, one_line
from newsletter.core.subject import section_title
from newsletter.core.text import readable, readable_name
from newsletter.core.weekly import BEST_TOPIC, is_weekly, topic_counts, week_of
from newsletter.mail.excerpt import excerpt
from newsletter.mail.links import LinkView, paper_links, paper_url
from newsletter.mail.marks import Marked, mark_clipped
from newsletter.mail.words import Cause, causes, is_quiet, source_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from newsletter.languages import Language
    from newsletter.model import Digest, Paper, Reason, Section, Selected, Span

_SHOWN_AUTHORS = 3
_MAXIMUM_FOLLOWED = 6
_SHOWN_CATEGORIES = 4
_NOTE_LIMIT = 500  # characters of an editor's note
_MAXIMUM_QUIET = 6  # sources that are named for having brought nothing

_NOWHERE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Room:
    """How much of each paper is shown: characters of excerpt, title and links, and papers per section. Where there are
    many papers, each has one link for votes instead of one per vote (``is_brief``).
    """

    excerpt: int
    title: int
    url: int
    is_brief: bool = False
    has_details: bool = True
    papers: int = 1_000
    is_rest: bool = False  # of the weekly form: what is shown by its title alone


@dataclass(frozen=True, slots=True)
class AuthorView:
    """An author's name, and whether the reader follows them."""

    name: str
    is_followed: bool


Sizes = dict[tuple[object, ...], dict[int, int]]  # of what was filled for a paper, by its template and the room


@dataclass(slots=True)
class PaperView:
    """A paper as a template shows it; ``title`` and ``excerpt`` carry their marked words (filter ``marked``)."""

    id: int
    number: int
    links: tuple[LinkView, ...]
    title: Marked
    url: str
    authors: tuple[AuthorView, ...]
    more_authors: int
    categories: tuple[str, ...]
    date: str
    excerpt: Marked
    why: tuple[Cause, ...]
    is_update: bool
    version: int | None
    upvotes: int | None
    score: float
    note: str
    noted_by: str
    _language: Language
    _kept: dict[tuple[object, ...], str]  # see newsletter.mail.once
    _shown: list[str]
    _sizes: Sizes  # see newsletter.mail.fitting

    @property
    def details(self) -> str:
        """The line under the title in plain text: update, authors, categories and date, as far as they are shown."""
        authors = ", ".join(author.name for author in self.authors)
        more = f" +{self.more_authors}" if self.more_authors else ""
        parts = (self._update if self.is_update else "", authors + more, ", ".join(self.categories), self.date)
        return " · ".join(part for part in parts if part)

    @property
    def _update(self) -> str:
        if self.version:
            return self._language.gettext("UPDATED to version %(version)s", version=self.version)
        return self._language.gettext("UPDATED")


# Not a public name of the view: those are what templates see.
kept_with: Callable[[PaperView], dict[tuple[object, ...], str]] = attrgetter("_kept")
"""Return where to keep what was filled for a paper; it lasts as long as the paper is remembered."""
shown_of: Callable[[PaperView], list[str]] = attrgetter("_shown")
"""Return what was kept of the paper, as far as this mail shows it."""
sizes_of: Callable[[PaperView], Sizes] = attrgetter("_sizes")
"""Return where to keep how long it is, in whichever room."""


@dataclass(frozen=True, slots=True)
class SectionView:
    """A section: its papers, and how many more matched and were over the limit."""

    anchor: str
    title: str
    profile: str
    profile_title: str
    papers: tuple[PaperView, ...]
    omitted: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class CountView:
    """A bar of a chart: how many papers a topic brought, and its share of the largest, 1 to 100."""

    title: str
    count: int
    share: int


def section_views(
    digest: Digest,
    papers: Mapping[int, Paper],
    room: Room,
    language: Language,
    topic_urls: Mapping[str, str] = _NOWHERE,
) -> tuple[SectionView, ...]:
    """Return a digest's sections as templates show them, papers and links numbered through the whole mail.

    ``topic_urls`` holds the pages of those profiles that have one. The weekly form begins with the week's best, and has
    excerpts of these alone, where it has such.
    """
    views, numbering = [], Numbering(language)
    sections = _sections(digest)
    has_best = bool(sections) and sections[0].topic == BEST_TOPIC
    brief = replace(room, excerpt=0, is_rest=True) if has_best else room
    for index, section in enumerate(sections, start=1):
        if section.papers or section.omitted:
            view = _section_view(section, papers, room if index == 1 else brief, numbering, f"s{index}")
            views.append(replace(view, url=topic_urls.get(section.profile, "")))
    return tuple(views)


def count_views(digest: Digest, language: Language) -> tuple[CountView, ...]:
    """Return how many papers each topic brought, the largest first, for a chart."""
    return tuple(
        CountView(clip(section_title(each.section, language), 60), each.count, each.share)
        for each in topic_counts(digest)
    )


def _sections(digest: Digest) -> tuple[Section, ...]:
    return week_of(digest).sections if is_weekly(digest) else digest.sections


def note_sentences(digest: Digest, language: Language) -> tuple[str, ...]:
    """Return the lines about the sources, those that had nothing new counted where they are many."""
    quiet = [note for note in digest.notes if is_quiet(note)]
    untold = {note.source for note in quiet[_MAXIMUM_QUIET:]}
    told = [note for note in digest.notes if note.source not in untold]
    sentences = [source_sentence(note, digest.issue_date, language) for note in told]
    if untold:
        singular, plural = "And %(num)s more had nothing new.", "And %(num)s more had nothing new."
        sentences.append(language.ngettext(singular, plural, len(untold)))
    return tuple(sentences)


def _section_view(
    section: Section, papers: Mapping[int, Paper], room: Room, numbering: Numbering, anchor: str
) -> SectionView:
    language = numbering.language
    shown = section.papers[: room.papers]
    return SectionView(
        anchor=anchor,
        title=clip(section_title(section, language), 100),
        profile=section.profile,
        profile_title=clip(one_line(section.profile_title), 100),
        papers=tuple(_paper_view(each, papers[each.paper_id], room, numbering) for each in shown),
        omitted=section.omitted + len(section.papers) - len(shown),
    )


class Numbering:
    """Counts a mail's papers and links, so that the plain text can refer to them; the mail is in ``language``."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.papers = 0
        self.links = 0

    def next_paper(self) -> int:
        """Return the number of the next paper, from 1."""
        self.papers += 1
        return self.papers

    def next_link(self) -> int:
        """Return the number of the next link, from 1."""
        self.links += 1
        return self.links


def _paper_view(selected: Selected, paper: Paper, room: Room, numbering: Numbering) -> PaperView:
    """Return the paper in its place: what was seen of it before, with this mail's numbers."""
    view = _unplaced_view(selected, paper, room, numbering.language)
    return PaperView(
        view.id,
        numbering.next_paper(),
        tuple([LinkView(numbering.next_link(), link.label, link.url, link.stars) for link in view.links]),
        view.title,
        view.url,
        view.authors,
        view.more_authors,
        view.categories,
        view.date,
        view.excerpt,
        view.why,
        view.is_update,
        view.version,
        view.upvotes,
        view.score,
        view.note,
        view.noted_by,
        numbering.language,
        kept_with(view),
        [],
        sizes_of(view),
    )


@lru_cache(maxsize=2048)  # the digests of one day share their papers
def _unplaced_view(selected: Selected, paper: Paper, room: Room, language: Language) -> PaperView:
    title, abstract = readable(paper.title), readable(paper.abstract)
    fields = {"title": title, "abstract": abstract, "authors": ", ".join(map(readable_name, paper.authors))}
    authors, more_authors = _authors(paper, selected.reasons)
    return PaperView(
        id=paper.id,
        number=0,
        links=paper_links(paper, room.url, lambda: 0, language) if room.has_details else (),
        title=mark_clipped(title, _spans(selected.reasons, "title"), room.title),
        url=paper_url(paper, room.url),
        authors=authors if room.has_details else (),
        more_authors=more_authors if room.has_details else 0,
        categories=_categories(paper) if room.has_details else (),
        date=_date_words(paper, language) if room.has_details else "",
        excerpt=excerpt(abstract, _spans(selected.reasons, "abstract"), room.excerpt),
        why=causes(selected.reasons, paper, fields, language) if room.has_details else (),
        is_update=selected.is_update,
        version=paper.version,
        upvotes=paper.votes,
        score=selected.score,
        note=clip(readable(selected.note), _NOTE_LIMIT) if room.has_details else "",
        noted_by=clip(readable_name(selected.noted_by), 60),
        _language=language,
        _kept={},
        _shown=[],
        _sizes=_room_sizes(selected, paper, language, room.is_rest),
    )


@lru_cache(maxsize=2048)
def _room_sizes(*_: object) -> Sizes:
    """Return where to keep how long a paper is: one for all rooms."""
    return {}


def _spans(reasons: tuple[Reason, ...], field: str) -> tuple[Span, ...]:
    return tuple(span for reason in reasons if reason.field == field for span in reason.spans)


def _authors(paper: Paper, reasons: tuple[Reason, ...]) -> tuple[tuple[AuthorView, ...], int]:
    """Return the authors to show, followed ones first, and how many more there are."""
    followed = _followed(paper, reasons)
    indices = sorted(followed)[:_MAXIMUM_FOLLOWED]
    others = [index for index in range(len(paper.authors)) if index not in followed]
    indices += others[: max(0, _SHOWN_AUTHORS - len(indices))]
    views = tuple(AuthorView(clip(readable_name(paper.authors[index]), 60), index in followed) for index in indices)
    return tuple(view for view in views if view.name), len(paper.authors) - len(indices)


def _followed(paper: Paper, reasons: tuple[Reason, ...]) -> set[int]:
    """Return the indices of the authors that reasons point at, by their spans in the readable names and commas."""
    spans = _spans(reasons, "authors")
    if not spans:
        return set()
    found, start = set(), 0
    for index, name in enumerate(map(readable_name, paper.authors)):
        if any(span.start < start + len(name) and span.end > start for span in spans):
            found.add(index)
        start += len(name) + 2
    return found


def _categories(paper: Paper) -> tuple[str, ...]:
    names = (clip(one_line(category), 40) for category in paper.categories[:_SHOWN_CATEGORIES])
    return tuple(name for name in names if name)


def _date_words(paper: Paper, language: Language) -> str:
    """Return e.g. ``23 Nov``, with the year when it is not the year in which we saw the paper."""
    day: date = (paper.published_at or paper.first_seen_at).date()
    is_this_year = day.year == paper.first_seen_at.year
    return language.isolated(language.short_date(day) if is_this_year else language.day(day))
