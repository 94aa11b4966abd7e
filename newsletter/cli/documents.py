"""What ``--json`` prints: one function per thing, so that the keys stay what scripts were written for.

Times are ISO 8601 in UTC (``2026-01-31T06:00:00Z``), dates and local times without a zone. A key is always there; what
is not known is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.core.keyword_text import format_keyword

if TYPE_CHECKING:
    from newsletter.model import (
        Attempt,
        Circuit,
        Delivery,
        Paper,
        PaperVersion,
        Profile,
        Reason,
        Sighting,
        SourceState,
        Subscriber,
    )
    from newsletter.service.relays import RelayStanding

Document = dict[str, object]


def subscriber_document(subscriber: Subscriber) -> Document:
    """Return what there is to know of a subscriber; ``keywords`` in the form that ``--keyword`` takes."""
    return {
        "id": subscriber.id,
        "address": subscriber.address,
        "status": subscriber.status,
        "status_reason": subscriber.status_reason or None,
        "paused_until": subscriber.paused_until,
        "zone": subscriber.zone,
        "send_at": subscriber.send_at_local,
        "frequency": subscriber.frequency,
        "weekday": subscriber.weekday,
        "profiles": subscriber.profiles,
        "keywords": [format_keyword(keyword) for keyword in subscriber.keywords],
        "language": subscriber.language,
        "template": subscriber.template,
        "origin": subscriber.origin,
        "consent": {
            "method": subscriber.consent.method,
            "given_at": subscriber.consent.given_at,
            "proof": subscriber.consent.proof or None,
        },
        "created_at": subscriber.created_at,
        "updated_at": subscriber.updated_at,
    }


def delivery_document(delivery: Delivery, address: str | None) -> Document:
    """Return what there is to know of a delivery, without its attempts."""
    return {
        "id": delivery.id,
        "subscriber_id": delivery.subscriber_id,
        "address": address,
        "kind": delivery.kind,
        "issue_date": delivery.issue_date,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "message_id": delivery.message_id,
        "due_at": delivery.due_at,
        "planned_at": delivery.planned_at,
        "next_attempt_at": delivery.next_attempt_at,
        "finished_at": delivery.finished_at,
        "reply_code": delivery.reply_code,
        "reply_text": delivery.reply_text or None,
        "relay": delivery.relay or None,
    }


def attempt_document(attempt: Attempt) -> Document:
    """Return one try at a delivery, with the server's reply."""
    return {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "duration_s": round((attempt.finished_at - attempt.started_at).total_seconds(), 3),
        "outcome": attempt.outcome.kind,
        "relay": attempt.outcome.relay or None,
        "connection": attempt.outcome.connection or None,
        "step": attempt.outcome.step,
        "reply_code": attempt.outcome.code,
        "enhanced_code": attempt.outcome.enhanced_code,
        "reply_text": attempt.outcome.text or None,
        "may_have_arrived": attempt.outcome.is_unknown,
    }


def paper_document(paper: Paper) -> Document:
    """Return what there is to know of a paper, as merged from its sources."""
    community = paper.community
    return {
        "id": paper.id,
        "title": paper.title,
        "authors": paper.authors,
        "abstract": paper.abstract,
        "url": paper.url,
        "pdf_url": paper.pdf_url,
        "arxiv_id": paper.arxiv_id,
        "version": paper.version,
        "doi": paper.doi,
        "categories": paper.categories,
        "announce_type": paper.announce_type,
        "comment": paper.comment,
        "journal_reference": paper.journal_reference,
        "published_at": paper.published_at,
        "first_seen_at": paper.first_seen_at,
        "sources": paper.sources,
        "community": {
            "upvotes": community.upvotes,
            "comments": community.comments,
            "code_url": community.code_url,
            "code_stars": community.code_stars,
            "summary": community.summary,
            "keywords": community.keywords,
            "organisation": community.organisation,
            "page_url": community.page_url,
        },
    }


def sighting_document(sighting: Sighting) -> Document:
    """Return what one source said of a paper, word for word."""
    entry = sighting.entry
    return {
        "source": sighting.source,
        "entry_id": entry.entry_id,
        "title": entry.title,
        "authors": entry.authors,
        "abstract": entry.abstract,
        "categories": entry.categories,
        "arxiv_id": entry.arxiv_id,
        "doi": entry.doi,
        "url": entry.url or None,
        "version": entry.version,
        "announce_type": entry.announce_type,
        "published_at": entry.published_at,
        "first_seen_at": sighting.first_seen_at,
        "last_seen_at": sighting.last_seen_at,
    }


def version_document(version: PaperVersion) -> Document:
    """Return a version of a paper as it was first seen."""
    return {
        "version": version.version,
        "title": version.title,
        "abstract": version.abstract,
        "first_seen_at": version.first_seen_at,
        "source": version.source,
    }


def reason_document(reason: Reason) -> Document:
    """Return why a paper matched, and what that added."""
    return {
        "kind": reason.kind,
        "text": reason.text,
        "field": reason.field,
        "spans": [[span.start, span.end] for span in reason.spans],
        "score": reason.score,
    }


def profile_document(profile: Profile) -> Document:
    """Return a profile as it is in force."""
    return {
        "name": profile.name,
        "title": profile.title,
        "description": profile.description or None,
        "topics": [
            {
                "name": topic.name,
                "keywords": [format_keyword(keyword) for keyword in topic.keywords],
                "query": topic.query,
            }
            for topic in profile.topics
        ],
        "exclude": [format_keyword(keyword) for keyword in profile.exclude],
        "authors": profile.authors,
        "categories": profile.categories,
        "sources": profile.sources,
        "minimum_score": profile.minimum_score,
        "maximum_papers": profile.maximum_papers,
        "replacements": profile.replacements,
        "trending": profile.trending,
    }


def source_document(name: str, kind: str | None, state: SourceState) -> Document:
    """Return a source with what is remembered of it; ``kind`` is null for one that the configuration lost."""
    return {
        "name": name,
        "kind": kind,
        "health": state.health,
        "last_checked_at": state.last_checked_at,
        "last_success_at": state.last_success_at,
        "last_new_paper_at": state.last_new_paper_at,
        "next_check_at": state.next_check_at,
        "failures": state.failures,
        "fault": None if state.fault is None else {"kind": state.fault.kind, "message": state.fault.message},
        "entries": state.entries,
        "skipped": state.skipped,
    }


def relay_document(standing: RelayStanding) -> Document:
    """Return how a relay stands."""
    plan = standing.plan
    return {
        "name": plan.name,
        "state": standing.state,
        "until": standing.until,
        "reason": standing.reason or None,
        "circuit": circuit_document(standing.circuit) if standing.circuit else None,
        "priority": plan.priority,
        "weight": plan.weight,
        "domains": plan.domains,
        "connections": plan.connections,
        "limits": [
            {"window": each.limit.window, "most": each.limit.most, "left": each.left, "next_at": each.next_at}
            for each in standing.allowances
        ],
    }


def circuit_document(circuit: Circuit) -> Document:
    """Return why a relay or a domain is left alone, and until when."""
    return {
        "scope": circuit.scope,
        "name": circuit.name,
        "cause": circuit.cause,
        "failures": circuit.failures,
        "reason": circuit.reason,
        "opened_at": circuit.opened_at,
        "retry_at": circuit.retry_at,
    }
