"""Every table. A change here needs a migration beside it; a test compares the two on both databases.

JSON is kept as text (:mod:`newsletter.store.codec`), since nothing searches in it. Columns bear the names of
:mod:`newsletter.model`.
"""

from newsletter.store.schema.archive import archived_papers
from newsletter.store.schema.columns import Instant, Prose, metadata
from newsletter.store.schema.deliveries import attempts, bounces, deliveries, digests, issues, ledger, ledger_updates
from newsletter.store.schema.history import ended_sessions, movements, source_days
from newsletter.store.schema.operation import alerts, buckets, circuits, leases, pauses, reports, seals
from newsletter.store.schema.papers import paper_aliases, paper_keys, paper_versions, papers, sightings, sources
from newsletter.store.schema.people import (
    address_changes,
    bounce_scores,
    consents,
    departures,
    subscribers,
    subscriptions,
    suppressions,
)
from newsletter.store.schema.requests import api_requests
from newsletter.store.schema.search import indexed_papers, vocabulary
from newsletter.store.schema.signups import clicks, signups
from newsletter.store.schema.voices import picks, saved_papers, voice_changes, votes
from newsletter.store.schema.webhooks import postings, told_issues, webhooks

__all__ = [
    "Instant",
    "Prose",
    "address_changes",
    "alerts",
    "api_requests",
    "archived_papers",
    "attempts",
    "bounce_scores",
    "bounces",
    "buckets",
    "circuits",
    "clicks",
    "consents",
    "deliveries",
    "departures",
    "digests",
    "ended_sessions",
    "indexed_papers",
    "issues",
    "leases",
    "ledger",
    "ledger_updates",
    "metadata",
    "movements",
    "paper_aliases",
    "paper_keys",
    "paper_versions",
    "papers",
    "pauses",
    "picks",
    "postings",
    "reports",
    "saved_papers",
    "seals",
    "sightings",
    "signups",
    "source_days",
    "sources",
    "subscribers",
    "subscriptions",
    "suppressions",
    "told_issues",
    "vocabulary",
    "voice_changes",
    "votes",
    "webhooks",
]
