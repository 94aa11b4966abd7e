"""What the papers of one run come to for each reader: matched once, and equal readers answered once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.core.picks import Picks
from newsletter.core.selection import PERSONAL_TITLE, Picker, Reader, compose_digest
from newsletter.core.weekly import WEEKLY
from newsletter.model import Frequency, IssueKind, Profile, Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from newsletter.core.due import DueIssue
    from newsletter.core.match import Matcher, Scan
    from newsletter.core.selection import Ledger, Window
    from newsletter.model import Digest, Match, Paper, SourceNote, Subscriber

REMEMBERED = 5000  # digests; people with lists of their own must not fill the memory


@dataclass(frozen=True, slots=True)
class DuePerson:
    """Somebody and the issue that they should have."""

    subscriber: Subscriber
    issue: DueIssue


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody's issue would hold now, with the papers in it; ``digest.kind`` is quiet when that is nothing.

    ``arrival_through`` is None where a paused profile was left out.
    """

    subscriber: Subscriber
    digest: Digest
    papers: Mapping[int, Paper]
    arrival_through: int | None


@dataclass(slots=True)
class News:
    """The papers that arrived after ``floor``, and what the shared profiles make of them."""

    floor: int
    arrival_through: int
    papers: Mapping[int, Paper]
    profiles: Mapping[str, Profile]
    matcher: Matcher
    notes: Callable[[Iterable[Paper]], tuple[SourceNote, ...]]
    picks: Picks = field(default_factory=Picks)
    digests: dict[tuple[object, ...], Digest] = field(default_factory=dict)
    _scan: Scan | None = None
    _fresh: dict[Window, tuple[int, tuple[SourceNote, ...]]] = field(default_factory=dict)

    def scan(self) -> Scan:
        """Return the one pass of the shared profiles over the papers."""
        if self._scan is None:
            self._scan = self.matcher.scan(self.papers.values())
        return self._scan

    def fresh(self, window: Window) -> tuple[int, tuple[SourceNote, ...]]:
        """Return how many papers are new in ``window``, and what each source brought of them."""
        if window not in self._fresh:
            papers = [paper for paper in self.papers.values() if window.has_new(paper)]
            self._fresh[window] = len(papers), self.notes(papers)
        return self._fresh[window]


@dataclass(slots=True)
class Edition:
    """Some people, and the news for them; ``paused`` profiles are left out."""

    news: News
    windows: Mapping[int, Window]
    ledger: Mapping[int, Ledger]
    personal: Matcher | None
    paused: frozenset[str] = frozenset()
    _picker: Picker | None = None

    def proposal(self, person: DuePerson) -> Proposal:
        """Return what this person's issue holds."""
        subscriber = person.subscriber
        taken = [name for name in subscriber.profiles if name not in self.paused]
        profiles = [self.news.profiles[name] for name in taken if name in self.news.profiles]
        if subscriber.keywords:
            profiles.append(personal_profile(subscriber))
        reader = Reader(
            tuple(profiles),
            self.windows[subscriber.id],
            self.ledger.get(subscriber.id, frozenset()),
            template_of(subscriber),
            subscriber.language,
        )
        digest = self._digest(reader, person.issue.issue_date)
        papers = {paper_id: self.news.papers[paper_id] for paper_id in digest.paper_ids}
        is_whole = len(taken) == len(subscriber.profiles)
        return Proposal(subscriber, digest, papers, self.news.arrival_through if is_whole else None)

    def _digest(self, reader: Reader, issue_date: date) -> Digest:
        # By names: hashing whole profiles for each of many subscribers would cost more than picking.
        names = tuple(profile.name for profile in reader.profiles)
        key = (names, reader.window, reader.ledger, reader.template, reader.language, issue_date)
        known = self.news.digests
        if key not in known:
            if len(known) >= REMEMBERED:
                known.clear()
            considered, notes = self.news.fresh(reader.window)
            sections = self._sections().sections(reader)
            known[key] = compose_digest(sections, reader, issue_date, considered=considered, notes=notes)
        return known[key]

    def _sections(self) -> Picker:
        if self._picker is None:
            shared = self.news.scan()
            own = self.personal.scan(self.news.papers.values()) if self.personal else shared

            def matches(profile: str) -> Iterable[Match]:
                return (own if is_personal(profile) else shared).matches(profile)

            def explain(paper: Paper, match: Match) -> Match:
                own = self.personal if is_personal(match.profile) else None
                return (own or self.news.matcher).explain(paper, match)

            self._picker = Picker(self.news.papers, matches, explain, self.news.picks)
        return self._picker


def template_of(subscriber: Subscriber) -> str:
    """Return which template somebody's digests have: the weekly form for who reads weekly and has chosen no other."""
    is_default = subscriber.template == IssueKind.DIGEST.value
    return WEEKLY if is_default and subscriber.frequency is Frequency.WEEKLY else subscriber.template


def is_personal(profile: str) -> bool:
    """Return whether a profile's name stands for somebody's own keywords; no file may define such a name."""
    return profile.startswith("personal:")


def personal_profile(subscriber: Subscriber) -> Profile:
    """Return somebody's own keywords as a profile.

    It is named by its keywords, not by its owner: people with the same keywords share a digest.
    """
    name = "personal:" + "\x1f".join(f"{word.text}\x1e{word.weight}\x1e{word.field}" for word in subscriber.keywords)
    return Profile(name, PERSONAL_TITLE, topics=(Topic(PERSONAL_TITLE, subscriber.keywords),))
