"""What the API tells of papers and profiles: the keys that ``--json`` prints, null for what is not known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from newsletter.core.keyword_text import format_keyword
from newsletter.model import (
    AnnounceType,
    Paper,
    PaperVersion,
    Profile,
    Reason,
    Replacements,
    Sighting,
)


class CommunityDocument(BaseModel):
    """What readers elsewhere made of a paper; null means that nobody has said."""

    upvotes: int | None
    comments: int | None
    code_url: str | None
    code_stars: int | None
    summary: str | None
    keywords: list[str]
    organisation: str | None
    page_url: str | None


class PaperDocument(BaseModel):
    """A paper, as merged from its sources."""

    id: int
    title: str
    authors: list[str]
    abstract: str
    url: str
    pdf_url: str | None
    arxiv_id: str | None
    version: int | None
    doi: str | None
    categories: list[str]
    announce_type: AnnounceType
    comment: str | None
    journal_reference: str | None
    published_at: datetime | None
    first_seen_at: datetime
    sources: list[str]
    community: CommunityDocument

    @classmethod
    def of(cls, paper: Paper) -> PaperDocument:
        """Return what there is to know of a paper."""
        return cls(**paper_facts(paper))


def paper_facts(paper: Paper) -> dict[str, Any]:
    """Return a paper by the names of its document."""
    plain = {name: getattr(paper, name) for name in PaperDocument.model_fields if name != "community"}
    community = {name: getattr(paper.community, name) for name in CommunityDocument.model_fields}
    return {**plain, "community": CommunityDocument(**community)}


class SightingDocument(BaseModel):
    """What one source said of a paper, word for word."""

    source: str
    entry_id: str
    title: str
    authors: list[str]
    abstract: str
    categories: list[str]
    arxiv_id: str | None
    doi: str | None
    url: str | None
    version: int | None
    announce_type: AnnounceType
    published_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime

    @classmethod
    def of(cls, sighting: Sighting) -> SightingDocument:
        """Return what one source said."""
        beside = {"source", "url", "first_seen_at", "last_seen_at"}
        told = {name: getattr(sighting.entry, name) for name in cls.model_fields if name not in beside}
        return cls(
            source=sighting.source,
            url=sighting.entry.url or None,
            first_seen_at=sighting.first_seen_at,
            last_seen_at=sighting.last_seen_at,
            **told,
        )


class VersionDocument(BaseModel):
    """A version of a paper as it was first seen."""

    version: int
    title: str
    abstract: str
    first_seen_at: datetime
    source: str

    @classmethod
    def of(cls, version: PaperVersion) -> VersionDocument:
        """Return a version."""
        return cls(**{name: getattr(version, name) for name in cls.model_fields})


class WholePaperDocument(PaperDocument):
    """A paper with what each source said of it, and its versions."""

    sightings: list[SightingDocument]
    versions: list[VersionDocument]


class ReasonDocument(BaseModel):
    """Why a paper matches, and what that adds to its score."""

    kind: str
    text: str
    field: str
    spans: list[list[int]] = Field(description="[start, end] of each place in the readable text of the field.")
    score: float

    @classmethod
    def of(cls, reason: Reason) -> ReasonDocument:
        """Return a reason."""
        spans = [[span.start, span.end] for span in reason.spans]
        return cls(kind=reason.kind, text=reason.text, field=reason.field, spans=spans, score=reason.score)


class TopicDocument(BaseModel):
    """A section of a profile."""

    name: str
    keywords: list[str]
    query: str | None


class ProfileDocument(BaseModel):
    """What a group of readers cares about, as it is in force."""

    name: str
    title: str
    description: str | None
    topics: list[TopicDocument]
    exclude: list[str]
    authors: list[str]
    categories: list[str]
    sources: list[str]
    minimum_score: float
    maximum_papers: int
    replacements: Replacements
    trending: bool
    public: bool

    @classmethod
    def of(cls, profile: Profile) -> ProfileDocument:
        """Return a profile."""
        topics = [
            TopicDocument(name=topic.name, keywords=list(map(format_keyword, topic.keywords)), query=topic.query)
            for topic in profile.topics
        ]
        names = ("name", "title", "minimum_score", "maximum_papers", "replacements", "trending", "public")
        return cls(
            **{name: getattr(profile, name) for name in names},
            description=profile.description or None,
            topics=topics,
            exclude=list(map(format_keyword, profile.exclude)),
            authors=list(profile.authors),
            categories=list(profile.categories),
            sources=list(profile.sources),
        )
