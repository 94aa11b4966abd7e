"""Issue: plan a digest for everybody whose hour has come.

What is due comes from stored state alone; the store's unique keys make a second or concurrent run harmless. Only ids,
scores and reasons are planned: the mail is rendered when it is sent.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from newsletter.core.bounce_score import BouncePolicy
from newsletter.core.clearance import names
from newsletter.core.due import DueIssue, due_issue, first_issue, local_date
from newsletter.core.match import Matcher
from newsletter.core.picks import Picks
from newsletter.core.selection import Limits, Window, source_notes, update_notices
from newsletter.model import (
    Consent,
    EmailAddress,
    Frequency,
    IssueKind,
    Origin,
    PauseScope,
    PlannedDelivery,
    Profile,
    Subscriber,
    SubscriberStatus,
    Weekday,
)
from newsletter.service.edition import DuePerson, Edition, News, Proposal, personal_profile
from newsletter.service.probation import acquit, probe_for, sort_due

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from newsletter.ports import Store

logger = structlog.get_logger(__name__)

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class IssuePolicy:
    """What the operator decided about issues; ``message_domain`` is the domain of our Message-IDs."""

    limits: Limits
    late_limit: timedelta
    mail_when_quiet: bool
    message_domain: str
    first_digest_at_once: bool = True
    bounces: BouncePolicy = field(default_factory=BouncePolicy)
    picks_for_everyone: bool = True


@dataclass(frozen=True, slots=True)
class IssueReport:
    """What a run planned: mails by kind, and people for whom there was nothing to say."""

    planned: int = 0
    welcomes: int = 0
    quiet: int = 0
    skipped: int = 0
    digests: int = 0  # distinct ones
    resumed: int = 0
    probes: int = 0

    def __add__(self, other: IssueReport) -> IssueReport:
        return IssueReport(
            self.planned + other.planned,
            self.welcomes + other.welcomes,
            self.quiet + other.quiet,
            self.skipped + other.skipped,
            self.digests + other.digests,
            self.resumed + other.resumed,
            self.probes + other.probes,
        )


@dataclass(slots=True)
class Issuer:
    """Plans issues over a store for a set of profiles."""

    store: Store
    profiles: Mapping[str, Profile]
    source_names: Sequence[str]
    policy: IssuePolicy
    _matcher: Matcher | None = None
    _news: News | None = None
    _paused: frozenset[str] = frozenset()

    async def issue(
        self, now: datetime, *, dry_run: bool = False, on_progress: Callable[[int], None] = lambda _: None
    ) -> IssueReport:
        """Plan everything that is due at ``now`` and return what that was; with ``dry_run`` store nothing."""
        report = IssueReport() if dry_run else IssueReport(resumed=await self._resume(now))
        self._paused = names(await self.store.pauses(), PauseScope.PROFILE)
        try:
            while True:
                one_pass, is_elsewhere = await self._pass(now, dry_run=dry_run, on_progress=on_progress)
                report += one_pass
                # Whom another process plans for is looked at again when the rest is done, and at the next tick.
                if not is_elsewhere or one_pass == IssueReport():
                    break
        finally:
            self._news = None
        if report != IssueReport():
            logger.info("issue.done", planned=report.planned, skipped=report.skipped, digests=report.digests)
        return report

    async def _pass(
        self, now: datetime, *, dry_run: bool, on_progress: Callable[[int], None]
    ) -> tuple[IssueReport, bool]:
        """Plan for everybody who is due and for whom nobody else is planning; return whether there are others."""
        report, is_elsewhere = IssueReport(), False
        async for due in self._due(now):
            people = await self._unerased(await self._unpaused(due), now)
            if dry_run:
                report += await self._issue_chunk(people, now, dry_run=True)
            else:
                async with self.store.planning([person.subscriber.id for person in people]) as ours:
                    free = [person for person in people if person.subscriber.id in ours]
                    report += await self._issue_chunk(await self._still_due(free), now, dry_run=False)
                is_elsewhere |= len(free) < len(people)
            on_progress(len(people))
        return report, is_elsewhere

    async def _still_due(self, people: Sequence[DuePerson]) -> list[DuePerson]:
        """Return those for whom nobody has planned since they were read."""
        last = await self.store.last_issue_dates([person.subscriber.id for person in people])
        return [
            person
            for person in people
            if person.subscriber.id not in last or last[person.subscriber.id] < person.issue.issue_date
        ]

    async def propose(self, subscribers: Sequence[Subscriber], now: datetime) -> list[Proposal]:
        """Return what each of these people's issue would hold if it were made now, whatever their hour or status."""
        people = [DuePerson(subscriber, DueIssue(local_date(subscriber.zone, now), now)) for subscriber in subscribers]
        self._paused = frozenset()  # a preview shows it all
        try:
            return await self._propose(people, now)
        finally:
            self._news = None

    async def _unpaused(self, people: Sequence[DuePerson]) -> list[DuePerson]:
        """Return those whose digest does not wait: for a paused profile, when it is all they take, or their first one.

        They stay due, and get the newest issue once the pause has ended. Who takes other profiles too gets those; the
        window of their next digest then begins where this one's did, so that nothing of the paused one is lost.
        """
        concerned = [person for person in people if not self._paused.isdisjoint(person.subscriber.profiles)]
        if not concerned:
            return list(people)
        started = await self.store.last_delivered([person.subscriber.id for person in concerned])
        waiting = {
            person.subscriber.id
            for person in concerned
            if person.subscriber.id not in started
            or (self._paused.issuperset(person.subscriber.profiles) and not person.subscriber.keywords)
        }
        return [person for person in people if person.subscriber.id not in waiting]

    async def _unerased(self, people: Sequence[DuePerson], now: datetime) -> list[DuePerson]:
        """Return those whose address nobody had erased: only its fingerprint is known, so no query leaves them out."""
        erased = await self.store.erased([person.subscriber.address.key for person in people], now)
        return [person for person in people if person.subscriber.address.key not in erased]

    async def _resume(self, now: datetime) -> int:
        # A pause ends on its date wherever that date has begun: UTC+14 is first, and the zone decides.
        ended = [
            subscriber
            for subscriber in await self.store.ended_pauses((now + timedelta(hours=14)).date())
            if subscriber.paused_until is not None and subscriber.paused_until <= local_date(subscriber.zone, now)
        ]
        for subscriber in ended:
            await self.store.set_status(
                subscriber.id, SubscriberStatus.ACTIVE, "the pause ended", now, only_from=(SubscriberStatus.PAUSED,)
            )
        return len(ended)

    async def _due(self, now: datetime) -> AsyncIterator[list[DuePerson]]:
        for schedule, last in (await self.store.schedules()).items():
            issue = due_issue(schedule, None, now, self.policy.late_limit)
            if issue is None or last is None or last >= issue.issue_date:
                continue
            after_id = 0
            while chunk := await self.store.due_subscribers(schedule, issue.issue_date, after_id, CHUNK, now):
                yield [DuePerson(subscriber, issue) for subscriber in chunk]
                after_id = chunk[-1].id
        after_id = 0
        while chunk := await self.store.new_subscribers(after_id, CHUNK, now):
            yield [person for person in (self._first(subscriber, now) for subscriber in chunk) if person is not None]
            after_id = chunk[-1].id

    def _first(self, subscriber: Subscriber, now: datetime) -> DuePerson | None:
        if self.policy.first_digest_at_once:
            return DuePerson(subscriber, first_issue(subscriber.schedule, now))
        issue = due_issue(subscriber.schedule, None, now, self.policy.late_limit)
        return DuePerson(subscriber, issue) if issue is not None and issue.due_at >= subscriber.created_at else None

    async def _issue_chunk(self, people: Sequence[DuePerson], now: datetime, *, dry_run: bool) -> IssueReport:
        found = await sort_due(self.store, people, self.policy.bounces, now)
        report = await self._issue_digests(found.digests, now, dry_run=dry_run)
        probes = [self._probe(person) for person in found.probes]
        if not dry_run:
            await acquit(self.store, found.acquitted)
            await self._skip(found.waiting)
            planned = await self.store.plan(probes, {}, now) if probes else 0
        else:
            planned = len(probes)
        return report + IssueReport(planned=planned, probes=planned, skipped=len(found.waiting))

    def _probe(self, person: DuePerson) -> PlannedDelivery:
        digest = probe_for(person.subscriber, person.issue.issue_date)
        return _planned(person, Proposal(person.subscriber, digest, {}, 0), self.policy.message_domain)

    async def _issue_digests(self, people: Sequence[DuePerson], now: datetime, *, dry_run: bool) -> IssueReport:
        if not people:
            return IssueReport()
        proposals = list(zip(people, await self._propose(people, now), strict=True))
        wanted = [pair for pair in proposals if self._is_mailed(pair[1])]
        silent = [pair for pair in proposals if not self._is_mailed(pair[1])]
        report = _count([proposal for _, proposal in wanted], skipped=len(silent))
        if dry_run:
            return report
        planned = await self.store.plan(
            [_planned(person, proposal, self.policy.message_domain) for person, proposal in wanted],
            {proposal.subscriber.id: update_notices(proposal.digest, proposal.papers) for _, proposal in wanted},
            now,
        )
        await self._skip([person for person, _ in silent])
        # Another daemon on the same PostgreSQL may have been faster with some of them.
        welcomes = min(report.welcomes, planned)
        return replace(report, planned=planned, welcomes=welcomes, quiet=min(report.quiet, planned - welcomes))

    async def _propose(self, people: Sequence[DuePerson], now: datetime) -> list[Proposal]:
        edition = await self._edition(people, now)
        # In a thread, since matching a day takes a second or so, and mails are on their way meanwhile.
        return await asyncio.to_thread(lambda: [edition.proposal(person) for person in people])

    def _is_mailed(self, proposal: Proposal) -> bool:
        return proposal.digest.kind is not IssueKind.QUIET or self.policy.mail_when_quiet

    async def _skip(self, people: Sequence[DuePerson]) -> None:
        by_date: dict[date, list[int]] = defaultdict(list)
        for person in people:
            by_date[person.issue.issue_date].append(person.subscriber.id)
        for issue_date, ids in by_date.items():
            await self.store.skip(ids, issue_date)

    async def _edition(self, people: Sequence[DuePerson], now: datetime) -> Edition:
        ids = [person.subscriber.id for person in people]
        delivered = await self.store.last_delivered(ids)
        windows = {
            subscriber_id: Window(now, self.policy.limits, *(delivered.get(subscriber_id) or (None, None)))
            for subscriber_id in ids
        }
        own = [personal_profile(person.subscriber) for person in people if person.subscriber.keywords]
        news = await self._news_since(self._floor(people, windows.values()), now)
        return Edition(
            news=news,
            windows=windows,
            ledger=await self.store.sent_papers(ids, list(news.papers)),
            personal=await asyncio.to_thread(Matcher, own) if own else None,
            paused=self._paused,
        )

    def _floor(self, people: Sequence[DuePerson], windows: Iterable[Window]) -> int:
        """Return the arrival after which papers matter to these people: 0 where days decide, not arrivals."""
        names = {name for person in people for name in person.subscriber.profiles}
        if any(self.profiles[name].trending for name in names if name in self.profiles):
            return 0
        return min(window.after_arrival or 0 for window in windows)

    async def _news_since(self, floor: int, now: datetime) -> News:
        """Return the papers after ``floor``, matched; those of the people before serve again where they reach back."""
        if self._news is not None and self._news.floor <= floor:
            return self._news
        # Read before the papers: what arrives between the two is looked at twice, never missed.
        arrival_through = await self.store.last_arrival()
        limits = self.policy.limits
        oldest = now - max(limits.lookback, limits.staleness)
        papers = {paper.id: paper for paper in await self.store.arrived_papers(floor, oldest)}
        picks = Picks(tuple(await self.store.picks(since=oldest)), for_everyone=self.policy.picks_for_everyone)
        papers |= await self.store.papers({pick.paper_id for pick in picks.picks if pick.paper_id not in papers})
        if self._matcher is None:
            self._matcher = await asyncio.to_thread(Matcher, list(self.profiles.values()))
        self._news = News(
            floor=floor,
            arrival_through=arrival_through,
            papers=papers,
            profiles=self.profiles,
            matcher=self._matcher,
            notes=partial(source_notes, await self.store.source_states(), self.source_names),
            picks=picks,
        )
        return self._news


def stand_in(profile: str, now: datetime) -> Subscriber:
    """Return a reader who is nobody, new today, and takes ``profile``: for previews."""
    return Subscriber(
        id=0,
        address=EmailAddress("reader@example.org", "reader@example.org", "reader@example.org"),
        status=SubscriberStatus.ACTIVE,
        zone="UTC",
        send_at_local=time(7),
        frequency=Frequency.DAILY,
        weekday=Weekday.MONDAY,
        profiles=(profile,) if profile else (),
        keywords=(),
        language="en",
        template="digest",
        origin=Origin.STORE,
        consent=Consent("preview", now),
        created_at=now,
        updated_at=now,
    )


def _planned(person: DuePerson, proposal: Proposal, domain: str) -> PlannedDelivery:
    return PlannedDelivery(
        subscriber_id=person.subscriber.id,
        digest=proposal.digest,
        due_at=person.issue.due_at,
        message_id=f"<{person.issue.issue_date:%Y%m%d}.{uuid4().hex}@{domain}>",
        arrival_through=proposal.arrival_through,
    )


def _count(proposals: Sequence[Proposal], *, skipped: int) -> IssueReport:
    kinds = [proposal.digest.kind for proposal in proposals]
    return IssueReport(
        planned=len(proposals),
        welcomes=kinds.count(IssueKind.WELCOME),
        quiet=kinds.count(IssueKind.QUIET),
        skipped=skipped,
        digests=len({id(proposal.digest) for proposal in proposals}),
    )
