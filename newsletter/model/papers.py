"""Papers, and what sources say about them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 (fields are read at run time)


class AnnounceType(enum.StrEnum):
    """How arXiv announced an item (its RSS help page); other sources announce everything as ``new``."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"
    REPLACE_CROSS = "replace-cross"

    @property
    def is_replacement(self) -> bool:
        """Whether a newer version of a known paper was announced."""
        return self in (AnnounceType.REPLACE, AnnounceType.REPLACE_CROSS)


class KeyScheme(enum.StrEnum):
    """What identifies a paper, strongest first: the order in which :mod:`newsletter.core.identity` trusts them."""

    ARXIV = "arxiv"
    DOI = "doi"
    URL = "url"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class PaperKey:
    """One name of a paper, e.g. ``arxiv:2305.15558`` (never with a version) or ``doi:10.1101/743294``."""

    scheme: KeyScheme
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


@dataclass(frozen=True, slots=True)
class Community:
    """What readers elsewhere made of a paper; ``None`` means that nobody has said, 0 that somebody counted none."""

    upvotes: int | None = None
    comments: int | None = None
    code_url: str | None = None
    code_stars: int | None = None
    summary: str | None = None
    keywords: tuple[str, ...] = ()
    organisation: str | None = None
    thumbnail_url: str | None = None
    page_url: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What one source said about one paper, before anybody knows which paper that is.

    ``title`` and ``abstract`` are plain text as the source meant it (tags and entities resolved, TeX kept, white
    space collapsed, no control characters). ``url`` is http(s) or empty.
    """

    entry_id: str
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    url: str = ""
    published_at: datetime | None = None
    categories: tuple[str, ...] = ()
    arxiv_id: str | None = None
    version: int | None = None
    doi: str | None = None
    announce_type: AnnounceType = AnnounceType.NEW
    pdf_url: str | None = None
    comment: str | None = None
    journal_reference: str | None = None
    community: Community | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper, whichever and however many sources brought it.

    ``arrival`` is the number of the collection that brought it, or that last added text or categories to it: it
    grows with every commit, so "what came since" needs no clock. ``backlog`` marks what a source's very first fetch
    brought: such a paper is news to a subscriber only if it was published since their last digest.
    """

    id: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    url: str
    first_seen_at: datetime
    arrival: int
    published_at: datetime | None = None
    categories: tuple[str, ...] = ()
    arxiv_id: str | None = None
    version: int | None = None
    doi: str | None = None
    announce_type: AnnounceType = AnnounceType.NEW
    pdf_url: str | None = None
    comment: str | None = None
    journal_reference: str | None = None
    community: Community = field(default_factory=Community)
    sources: tuple[str, ...] = ()
    backlog: bool = False
    version_arrival: int | None = None  # arrival of the newest version, when it is not the first that we saw
    version_seen_at: datetime | None = None  # and when that was
    good_votes: int = 0  # of our own readers

    def __hash__(self) -> int:
        """Return what is equal for equal papers: not of all there is, for mails look up each of their papers."""
        return hash((self.id, self.title, self.version))

    @property
    def votes(self) -> int | None:
        """How many found it good, elsewhere and here; None where nobody has said anything."""
        if self.community.upvotes is None and not self.good_votes:
            return None
        return (self.community.upvotes or 0) + self.good_votes


@dataclass(frozen=True, slots=True)
class PaperVersion:
    """A version of a paper as it was first seen."""

    version: int
    title: str
    abstract: str
    first_seen_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a source said of a paper, and when: the trace behind a merged :class:`Paper`."""

    source: str
    entry: Entry
    first_seen_at: datetime
    last_seen_at: datetime
