"""Papers, sightings and the states of sources as rows, and back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from newsletter.core.identity import normal_title
from newsletter.model import AnnounceType, Community, Entry, Fault, Health, Paper, PaperVersion, Sighting, SourceState
from newsletter.store.codec import dumps, loads

if TYPE_CHECKING:
    from sqlalchemy import Row

# PostgreSQL indexes at most 2,704 bytes of a value; identifiers of that length are rare and told apart by their hash.
LONGEST_KEY: Final = 500


def bounded(value: str) -> str:
    """Return ``value``, or its hash when it is too long for an index."""
    cleaned = value.replace("\0", "").encode(errors="replace").decode()
    if len(cleaned) <= LONGEST_KEY:
        return cleaned
    return "sha256:" + hashlib.sha256(cleaned.encode()).hexdigest()


def paper_row(paper: Paper) -> dict[str, Any]:
    """Return the columns of a paper, without its id and without what our readers say of it."""
    return {
        "title": paper.title,
        "title_letters": normal_title(paper.title),
        "abstract": paper.abstract,
        "authors": dumps(paper.authors),
        "url": paper.url,
        "first_seen_at": paper.first_seen_at,
        "arrival": paper.arrival,
        "published_at": paper.published_at,
        "categories": dumps(paper.categories),
        "arxiv_id": paper.arxiv_id,
        "version": paper.version,
        "doi": paper.doi,
        "announce_type": paper.announce_type.value,
        "pdf_url": paper.pdf_url,
        "comment": paper.comment,
        "journal_reference": paper.journal_reference,
        "community": dumps(paper.community),
        "sources": dumps(paper.sources),
        "backlog": paper.backlog,
        "version_arrival": paper.version_arrival,
        "version_seen_at": paper.version_seen_at,
    }


def paper_of(row: Row[Any]) -> Paper:
    """Return the paper in a row of ``papers``."""
    return Paper(
        id=row.id,
        title=row.title,
        abstract=row.abstract,
        authors=loads(tuple[str, ...], row.authors),
        url=row.url,
        first_seen_at=row.first_seen_at,
        arrival=row.arrival,
        published_at=row.published_at,
        categories=loads(tuple[str, ...], row.categories),
        arxiv_id=row.arxiv_id,
        version=row.version,
        doi=row.doi,
        announce_type=AnnounceType(row.announce_type),
        pdf_url=row.pdf_url,
        comment=row.comment,
        journal_reference=row.journal_reference,
        community=loads(Community, row.community),
        sources=loads(tuple[str, ...], row.sources),
        backlog=row.backlog,
        version_arrival=row.version_arrival,
        version_seen_at=row.version_seen_at,
        good_votes=row.good_votes,
    )


def version_row(paper_id: int, version: PaperVersion) -> dict[str, Any]:
    """Return the columns of a version of a paper."""
    return {
        "paper_id": paper_id,
        "version": version.version,
        "title": version.title,
        "abstract": version.abstract,
        "first_seen_at": version.first_seen_at,
        "source": version.source,
    }


def version_of(row: Row[Any]) -> PaperVersion:
    """Return the version in a row of ``paper_versions``."""
    return PaperVersion(row.version, row.title, row.abstract, row.first_seen_at, row.source)


def sighting_of(row: Row[Any]) -> Sighting:
    """Return the sighting in a row of ``sightings``."""
    return Sighting(row.source, loads(Entry, row.entry), row.first_seen_at, row.last_seen_at)


def state_row(state: SourceState) -> dict[str, Any]:
    """Return the columns of a source's state."""
    return {
        "name": state.name,
        "etag": state.etag,
        "last_modified": state.last_modified,
        "next_check_at": state.next_check_at,
        "last_checked_at": state.last_checked_at,
        "last_success_at": state.last_success_at,
        "last_new_paper_at": state.last_new_paper_at,
        "failures": state.failures,
        "fault_kind": state.fault.kind if state.fault else None,
        "fault_message": state.fault.message if state.fault else None,
        "fault_retry_after_s": state.fault.retry_after_s if state.fault else None,
        "health": state.health.value,
        "entries": state.entries,
        "skipped": state.skipped,
        "options": state.options,
    }


def state_of(row: Row[Any]) -> SourceState:
    """Return the state in a row of ``sources``."""
    fault = None
    if row.fault_kind is not None:
        fault = Fault(row.fault_kind, row.fault_message, row.fault_retry_after_s)
    return SourceState(
        name=row.name,
        etag=row.etag,
        last_modified=row.last_modified,
        next_check_at=row.next_check_at,
        last_checked_at=row.last_checked_at,
        last_success_at=row.last_success_at,
        last_new_paper_at=row.last_new_paper_at,
        failures=row.failures,
        fault=fault,
        health=Health(row.health),
        entries=row.entries,
        skipped=row.skipped,
        options=row.options,
    )
