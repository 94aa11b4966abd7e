"""Profiles, and why they take a paper."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Field(enum.StrEnum):
    """Where a keyword may be looked for."""

    ANY = "any"
    TITLE = "title"
    ABSTRACT = "abstract"
    AUTHORS = "authors"
    COMMENT = "comment"


class Replacements(enum.StrEnum):
    """What a profile does with a newer version of a paper."""

    IGNORE = "ignore"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword as an admin wrote it: ``"RAG"`` in double quotes is exact, ``diffus*`` is a prefix."""

    text: str
    weight: float = 1.0
    field: Field = Field.ANY


@dataclass(frozen=True, slots=True)
class Topic:
    """A named group of keywords: a section of the digest."""

    name: str
    keywords: tuple[Keyword, ...] = ()
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What one reader, or one group of readers, cares about; ``docs/profiles.md`` tells its language by example.

    One that is not ``public`` is on no page and in no feed: only in the mails of its readers.
    """

    name: str
    title: str
    description: str = ""
    topics: tuple[Topic, ...] = ()
    exclude: tuple[Keyword, ...] = ()
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    minimum_score: float = 0.0
    maximum_papers: int = 20
    replacements: Replacements = Replacements.IGNORE
    trending: bool = False
    public: bool = True


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a field's readable text: characters ``start`` to ``end``, ``end`` not included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a paper is there: what matched, in which field, where, and what that added to the score.

    ``kind`` is ``keyword``, ``query``, ``author``, ``category`` or ``votes``; ``text`` is what the admin wrote. Spans
    index the readable text of the field (:func:`newsletter.core.text.readable`), for ``authors`` the readable names
    joined by ``", "``.
    """

    kind: str
    text: str
    field: str
    spans: tuple[Span, ...] = ()
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Match:
    """A paper that a profile's topic takes, with its score and the reasons that add up to it."""

    paper_id: int
    profile: str
    topic: str
    score: float
    reasons: tuple[Reason, ...] = ()
