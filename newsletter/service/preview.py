"""What somebody's mail of a day holds: as it was planned, as it would be now, or made again from what there is."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.core.due import DueIssue, instant_of, is_issue_day, local_date
from newsletter.core.match import Matcher
from newsletter.core.selection import Limits, Window
from newsletter.service.edition import DuePerson, Edition, News, personal_profile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from newsletter.model import Digest, Paper, Subscriber
    from newsletter.ports import Store
    from newsletter.service.issue import Issuer


class Provenance(enum.StrEnum):
    """Where a mail that is looked at comes from."""

    PLANNED = "planned"  # the issue of that day is in the store
    NOW = "now"  # what would be planned with the papers there are
    REMADE = "remade"  # of a day that has passed without an issue for them
    INVENTED = "invented"  # with papers that do not exist


@dataclass(frozen=True, slots=True)
class ShownMail:
    """A mail to be looked at, and for whom."""

    subscriber: Subscriber
    digest: Digest
    papers: Mapping[int, Paper]
    provenance: Provenance


async def mail_of_day(
    store: Store, issuer: Issuer, subscriber: Subscriber, day: date | None, now: datetime
) -> ShownMail:
    """Return the subscriber's issue of a local date, today's as it would be at ``now`` when ``day`` is None.

    Of a day that has passed without an issue for them, it is made again: the papers that came in between the issue
    before and that day's hour, with today's profiles and votes, whatever they have got meanwhile. Nothing is stored.
    """
    if day is None:
        return await _proposed(issuer, subscriber, now)
    if planned := await _planned(store, subscriber, day):
        return planned
    if day < local_date(subscriber.zone, now):
        return await _remade(store, issuer, subscriber, day)
    shown = await _proposed(issuer, subscriber, max(now, instant_of(subscriber.schedule, day)))
    return replace(shown, digest=replace(shown.digest, issue_date=day))


async def _proposed(issuer: Issuer, subscriber: Subscriber, now: datetime) -> ShownMail:
    (proposal,) = await issuer.propose([subscriber], now)
    return ShownMail(subscriber, proposal.digest, proposal.papers, Provenance.NOW)


async def _planned(store: Store, subscriber: Subscriber, day: date) -> ShownMail | None:
    """Return the newest issue of that date, None where there is none."""
    found = await store.list_deliveries(subscriber_id=subscriber.id, issue_date=day)
    delivery = next((each for each in found if not each.kind.is_transactional), None)
    if delivery is None:
        return None
    digest = await store.digest(delivery.digest_id)
    papers = await store.papers(digest.paper_ids)
    return ShownMail(subscriber, digest, papers, Provenance.PLANNED)


async def _remade(store: Store, issuer: Issuer, subscriber: Subscriber, day: date) -> ShownMail:
    moment = instant_of(subscriber.schedule, day)
    since = _issue_before(subscriber, day)
    limits = issuer.policy.limits
    arrived = await store.arrived_papers(0, since - max(limits.lookback, limits.staleness))
    papers = {paper.id: _as_known(paper, moment) for paper in arrived if _known_at(paper, moment) <= moment}
    news = News(0, 0, papers, issuer.profiles, Matcher(list(issuer.profiles.values())), lambda _: ())
    edition = Edition(
        news=news,
        windows={subscriber.id: Window(moment, Limits(limits.lookback, moment - since), 0, since)},
        ledger={},
        personal=Matcher([personal_profile(subscriber)]) if subscriber.keywords else None,
    )
    person = DuePerson(subscriber, DueIssue(day, moment))
    proposal = await asyncio.to_thread(edition.proposal, person)  # which matches all of them
    return ShownMail(subscriber, proposal.digest, proposal.papers, Provenance.REMADE)


def _issue_before(subscriber: Subscriber, day: date) -> datetime:
    """Return the instant of the last issue before ``day``'s."""
    before = day - timedelta(days=1)
    while not is_issue_day(subscriber.schedule, before):
        before -= timedelta(days=1)
    return instant_of(subscriber.schedule, before)


def _known_at(paper: Paper, otherwise: datetime) -> datetime:
    """Return when the paper was news; a source's first fetch brought old ones, which were on the day of their own."""
    return (paper.published_at or otherwise) if paper.backlog else paper.first_seen_at


def _as_known(paper: Paper, moment: datetime) -> Paper:
    """Return the paper without a newer version that had not come yet."""
    if paper.version_seen_at is None or paper.version_seen_at <= moment:
        return paper
    return replace(paper, version_arrival=None, version_seen_at=None)
