"""Issue: plan a digest for everybody whose hour has come.

What is due comes from stored state alone; the store's unique keys make a second or concurrent run harmless. Only ids,
scores and reasons are planned: the mail is rendered when it is sent.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from newsletter.core.due import DueIssue, due_issue, first_issue, local_date
from newsletter.core.match import Matcher
from newsletter.core.selection import (
    Limits,
    Picker,
    Reader,
    Window,
    compose_digest,
    source_notes,
    update_notices,
)
from newsletter.model import (
    Consent,
    EmailAddress,
    Frequency,
    IssueKind,
    Origin,
    PlannedDelivery,
    Profile,
    Subscriber,
    SubscriberStatus,
    Topic,
    Weekday,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from newsletter.core.selection import Ledger
    from newsletter.model import Digest, Match, Paper, SourceState
    from newsletter.ports import Store

logger = structlog.get_logger(__name__)

CHUNK = 1000
PERSONAL_TITLE = "Your keywords"


@dataclass(frozen=True, slots=True)
class IssuePolicy:
    """What the operator decided about issues; ``message_domain`` is the domain of our Message-IDs."""

    limits: Limits
    late_limit: timedelta
    mail_when_quiet: bool
    message_domain: str
    first_digest_at_once: bool = True


@dataclass(frozen=True, slots=True)
class IssueReport:
    """What a run planned: mails by kind, and people for whom there was nothing to say."""

    planned: int = 0
    welcomes: int = 0
    quiet: int = 0
    skipped: int = 0
    digests: int = 0  # distinct ones
    resumed: int = 0

    def __add__(self, other: IssueReport) -> IssueReport:
        return IssueReport(
            self.planned + other.planned,
            self.welcomes + other.welcomes,
            self.quiet + other.quiet,
            self.skipped + other.skipped,
            self.digests + other.digests,
            self.resumed + other.resumed,
        )


@dataclass(frozen=True, slots=True)
class DuePerson:
    """Somebody and the issue that they should have."""

    subscriber: Subscriber
    issue: DueIssue


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody's issue would hold now, with the papers in it; ``digest.kind`` is quiet when that is nothing."""

    subscriber: Subscriber
    digest: Digest
    papers: Mapping[int, Paper]
    arrival_through: int


@dataclass(slots=True)
class Issuer:
    """Plans issues over a store for a set of profiles."""

    store: Store
    profiles: Mapping[str, Profile]
    source_names: Sequence[str]
    policy: IssuePolicy
    _matcher: Matcher | None = field(default=None)

    async def issue(
        self, now: datetime, *, dry_run: bool = False, on_progress: Callable[[int], None] = lambda _: None
    ) -> IssueReport:
        """Plan everything that is due at ``now`` and return what that was; with ``dry_run`` store nothing."""
        report = IssueReport() if dry_run else IssueReport(resumed=await self._resume(now))
        async for people in self._due(now):
            report += await self._issue_chunk(people, now, dry_run=dry_run)
            on_progress(len(people))
        if report != IssueReport():
            logger.info("issue.done", planned=report.planned, skipped=report.skipped, digests=report.digests)
        return report

    async def propose(self, subscribers: Sequence[Subscriber], now: datetime) -> list[Proposal]:
        """Return what each of these people's issue would hold if it were made now, whatever their hour or status."""
        people = [DuePerson(subscriber, DueIssue(local_date(subscriber.zone, now), now)) for subscriber in subscribers]
        edition = await self._edition(people, now)
        return [edition.proposal(person) for person in people]

    async def _resume(self, now: datetime) -> int:
        # A pause ends on its date wherever that date has begun: UTC+14 is first, and the zone decides.
        ended = [
            subscriber
            for subscriber in await self.store.ended_pauses((now + timedelta(hours=14)).date())
            if subscriber.paused_until is not None and subscriber.paused_until <= local_date(subscriber.zone, now)
        ]
        for subscriber in ended:
            await self.store.set_status(subscriber.id, SubscriberStatus.ACTIVE, "the pause ended", now)
        return len(ended)

    async def _due(self, now: datetime) -> AsyncIterator[list[DuePerson]]:
        for schedule in await self.store.schedules():
            issue = due_issue(schedule, None, now, self.policy.late_limit)
            if issue is None:
                continue
            after_id = 0
            while chunk := await self.store.due_subscribers(schedule, issue.issue_date, after_id, CHUNK):
                yield [DuePerson(subscriber, issue) for subscriber in chunk]
                after_id = chunk[-1].id
        after_id = 0
        while chunk := await self.store.new_subscribers(after_id, CHUNK):
            yield [person for person in (self._first(subscriber, now) for subscriber in chunk) if person is not None]
            after_id = chunk[-1].id

    def _first(self, subscriber: Subscriber, now: datetime) -> DuePerson | None:
        if self.policy.first_digest_at_once:
            return DuePerson(subscriber, first_issue(subscriber.schedule, now))
        issue = due_issue(subscriber.schedule, None, now, self.policy.late_limit)
        return DuePerson(subscriber, issue) if issue is not None and issue.due_at >= subscriber.created_at else None

    async def _issue_chunk(self, people: Sequence[DuePerson], now: datetime, *, dry_run: bool) -> IssueReport:
        if not people:
            return IssueReport()
        edition = await self._edition(people, now)
        proposals = [(person, edition.proposal(person)) for person in people]
        wanted = [
            pair for pair in proposals if pair[1].digest.kind is not IssueKind.QUIET or self.policy.mail_when_quiet
        ]
        silent = [
            pair for pair in proposals if pair[1].digest.kind is IssueKind.QUIET and not self.policy.mail_when_quiet
        ]
        report = _count([proposal for _, proposal in wanted], skipped=len(silent))
        if dry_run:
            return report
        planned = await self.store.plan(
            [_planned(person, proposal, self.policy.message_domain) for person, proposal in wanted],
            {proposal.subscriber.id: update_notices(proposal.digest, proposal.papers) for _, proposal in wanted},
            now,
        )
        await self._skip(silent)
        return replace(report, planned=planned)

    async def _skip(self, silent: Sequence[tuple[DuePerson, Proposal]]) -> None:
        by_date: dict[date, list[int]] = defaultdict(list)
        for person, _ in silent:
            by_date[person.issue.issue_date].append(person.subscriber.id)
        for issue_date, ids in by_date.items():
            await self.store.skip(ids, issue_date)

    async def _edition(self, people: Sequence[DuePerson], now: datetime) -> Edition:
        ids = [person.subscriber.id for person in people]
        # Read before the papers: what arrives between the two is looked at twice, never missed.
        arrival_through = await self.store.last_arrival()
        delivered = await self.store.last_delivered(ids)
        windows = {
            subscriber_id: Window(now, self.policy.limits, *(delivered.get(subscriber_id) or (None, None)))
            for subscriber_id in ids
        }
        papers = await self._papers(people, windows.values(), now)
        return Edition(
            papers={paper.id: paper for paper in papers},
            windows=windows,
            ledger=await self.store.sent_papers(ids, [paper.id for paper in papers]),
            states=await self.store.source_states(),
            source_names=self.source_names,
            profiles=self.profiles,
            shared=self._shared_matcher(),
            personal=Matcher([personal_profile(person.subscriber) for person in people if person.subscriber.keywords]),
            arrival_through=arrival_through,
        )

    async def _papers(self, people: Sequence[DuePerson], windows: Iterable[Window], now: datetime) -> list[Paper]:
        trending = any(
            self.profiles[name].trending
            for person in people
            for name in person.subscriber.profiles
            if name in self.profiles
        )
        floors = [window.after_arrival for window in windows]
        known = [floor for floor in floors if floor is not None]
        limits = self.policy.limits
        everything = trending or len(known) < len(floors)
        oldest = now - max(limits.lookback if everything else limits.staleness, limits.staleness)
        return await self.store.arrived_papers(0 if everything else min(known), oldest)

    def _shared_matcher(self) -> Matcher:
        if self._matcher is None:
            self._matcher = Matcher(list(self.profiles.values()))
        return self._matcher


@dataclass(slots=True)
class Edition:
    """The papers and people of one run: matches once, then answers for each reader, equal readers once."""

    papers: Mapping[int, Paper]
    windows: Mapping[int, Window]
    ledger: Mapping[int, Ledger]
    states: Mapping[str, SourceState]
    source_names: Sequence[str]
    profiles: Mapping[str, Profile]
    shared: Matcher
    personal: Matcher
    arrival_through: int
    _digests: dict[tuple[object, ...], Digest] = field(default_factory=dict)
    _picker: Picker | None = None
    _fresh: dict[Window, tuple[Paper, ...]] = field(default_factory=dict)

    def proposal(self, person: DuePerson) -> Proposal:
        """Return what this person's issue holds."""
        subscriber = person.subscriber
        profiles = [self.profiles[name] for name in subscriber.profiles if name in self.profiles]
        if subscriber.keywords:
            profiles.append(personal_profile(subscriber))
        reader = Reader(
            tuple(profiles),
            self.windows[subscriber.id],
            self.ledger.get(subscriber.id, frozenset()),
            subscriber.template,
            subscriber.language,
        )
        digest = self._digest(reader, person.issue.issue_date)
        papers = {paper_id: self.papers[paper_id] for paper_id in digest.paper_ids}
        return Proposal(subscriber, digest, papers, self.arrival_through)

    def _digest(self, reader: Reader, issue_date: date) -> Digest:
        # By names: hashing whole profiles for each of many subscribers would cost more than picking.
        names = tuple(profile.name for profile in reader.profiles)
        key = (names, reader.window, reader.ledger, reader.template, reader.language, issue_date)
        if key not in self._digests:
            fresh = self._fresh_papers(reader.window)
            self._digests[key] = compose_digest(
                self._sections().sections(reader),
                reader,
                issue_date,
                considered=len(fresh),
                notes=source_notes(self.states, self.source_names, fresh),
            )
        return self._digests[key]

    def _sections(self) -> Picker:
        if self._picker is None:
            papers = list(self.papers.values())
            scans = {False: self.shared.scan(papers), True: self.personal.scan(papers)}
            matchers = {False: self.shared, True: self.personal}

            def matches(profile: str) -> Iterable[Match]:
                return scans[is_personal(profile)].matches(profile)

            def explain(paper: Paper, match: Match) -> Match:
                return matchers[is_personal(match.profile)].explain(paper, match)

            self._picker = Picker(self.papers, matches, explain)
        return self._picker

    def _fresh_papers(self, window: Window) -> tuple[Paper, ...]:
        if window not in self._fresh:
            self._fresh[window] = tuple(paper for paper in self.papers.values() if window.has_new(paper))
        return self._fresh[window]


def is_personal(profile: str) -> bool:
    """Return whether a profile's name stands for somebody's own keywords; no file may define such a name."""
    return profile.startswith("personal:")


def personal_profile(subscriber: Subscriber) -> Profile:
    """Return somebody's own keywords as a profile.

    It is named by its keywords, not by its owner: people with the same keywords share a digest.
    """
    name = "personal:" + "\x1f".join(f"{word.text}\x1e{word.weight}\x1e{word.field}" for word in subscriber.keywords)
    return Profile(name, PERSONAL_TITLE, topics=(Topic(PERSONAL_TITLE, subscriber.keywords),))


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
