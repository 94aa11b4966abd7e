"""From matches to a digest: which papers are news to a subscriber, and in which section each one stands.

Pure: the same papers, ledger and window give the same digest, which is what lets equal digests be stored, rendered and
encoded once for any number of subscribers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from newsletter.core.picks import MOST_PICKS, PICKS_PROFILE, PICKS_TITLE, Picks
from newsletter.core.rank import select
from newsletter.model import Digest, Health, IssueKind, Replacements, Section, Selected, SourceNote, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import date, datetime, timedelta

    from newsletter.model import Match, Paper, Profile, Reason, SourceState

# Sections that are named by us, not by a profile.
UPDATED_TOPIC = gettext_noop("Updated")
PERSONAL_TITLE = gettext_noop("Your keywords")


@dataclass(frozen=True, slots=True)
class Limits:
    """How far back an issue may look: a first digest by ``lookback``, and none beyond ``staleness``."""

    lookback: timedelta
    staleness: timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """What counts as new for somebody.

    ``after_arrival`` and ``since`` come from their last delivered digest; both are None for who never got one.
    """

    now: datetime
    limits: Limits
    after_arrival: int | None = None
    since: datetime | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is somebody's first digest."""
        return self.after_arrival is None

    @property
    def oldest(self) -> datetime:
        """Nothing seen before this is sent any more."""
        return self.now - (self.limits.lookback if self.is_first else self.limits.staleness)

    def has_new(self, paper: Paper) -> bool:
        """Return whether the paper came since the last delivered digest, or within the first digest's look back.

        What a source's first fetch brought is judged by the day it was published, so that a new source floods nobody;
        if it states none, it is news only to who never got a digest.
        """
        known_at = paper.published_at if paper.backlog else paper.first_seen_at
        if self.is_first or self.after_arrival is None or self.since is None:
            return known_at is None or known_at >= self.oldest
        if paper.arrival <= self.after_arrival or (known_at is not None and known_at < self.oldest):
            return False
        return not paper.backlog or (known_at is not None and known_at > self.since)

    def has_new_version(self, paper: Paper) -> bool:
        """Return whether a newer version of the paper came since the last delivered digest, and is not stale."""
        if paper.version_arrival is None or paper.version_seen_at is None or paper.version_seen_at < self.oldest:
            return False
        return self.after_arrival is None or paper.version_arrival > self.after_arrival

    def has_trend(self, paper: Paper) -> bool:
        """Return whether the paper is young enough for a list ranked by votes, which gather over days."""
        known_at = paper.published_at if paper.backlog else paper.first_seen_at
        return known_at is None or known_at >= self.now - self.limits.lookback

    def admits(self, paper: Paper, profile: Profile) -> bool:
        """Return whether the paper may stand in a digest for this profile, as far as time goes."""
        if profile.trending:
            return self.has_trend(paper)
        if self.has_new(paper):
            return True
        return profile.replacements is Replacements.UPDATED and self.has_new_version(paper)


Ledger = frozenset[tuple[int, int | None]]
"""What somebody got: (paper id, None) for a paper, (paper id, version) for an update of one."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What a digest depends on besides the papers; equal readers get equal digests."""

    profiles: tuple[Profile, ...]
    window: Window
    ledger: Ledger
    template: str
    language: str


@dataclass(slots=True)
class Picker:
    """Picks one reader's sections; ``matches`` and ``explain`` come from the matcher's one pass over the papers."""

    papers: Mapping[int, Paper]
    matches: Callable[[str], Iterable[Match]]
    explain: Callable[[Paper, Match], Match]
    picks: Picks = field(default_factory=Picks)
    _explained: dict[tuple[int, str, str], tuple[Reason, ...]] = field(default_factory=dict)

    def sections(self, reader: Reader) -> tuple[Section, ...]:
        """Return the sections, profile after profile, updates of a profile last; no paper stands in two of them.

        Editor's picks that no profile takes come first, those that one takes stand in its section.
        """
        taken: set[int] = set()
        sections: list[Section] = []
        for profile in reader.profiles:
            candidates = [match for match in self.matches(profile.name) if match.paper_id not in taken]
            new = [match for match in candidates if self._is_new(match, profile, reader)]
            sections += self._cut(profile, new, taken)
            updates = [match for match in candidates if self._is_update(match, profile, reader, taken)]
            sections += self._cut_updates(profile, updates, taken)
        return (*self._cut_picks(reader, taken), *sections)

    def _cut_picks(self, reader: Reader, taken: Collection[int]) -> Iterable[Section]:
        offered = [
            paper_id
            for paper_id in self.picks.offered(reader.window.oldest)
            if paper_id in self.papers and paper_id not in taken and (paper_id, None) not in reader.ledger
        ]
        if offered:
            chosen = tuple(with_note(Selected(paper_id, 0.0), self.picks) for paper_id in offered[:MOST_PICKS])
            yield Section(PICKS_PROFILE, PICKS_TITLE, PICKS_TITLE, chosen)

    def _is_new(self, match: Match, profile: Profile, reader: Reader) -> bool:
        paper = self.papers[match.paper_id]
        if (paper.id, None) in reader.ledger:
            return False
        return reader.window.has_trend(paper) if profile.trending else reader.window.has_new(paper)

    def _is_update(self, match: Match, profile: Profile, reader: Reader, taken: Collection[int]) -> bool:
        paper = self.papers[match.paper_id]
        return (
            profile.replacements is Replacements.UPDATED
            and paper.id not in taken
            and (paper.id, paper.version) not in reader.ledger
            and reader.window.has_new_version(paper)
        )

    def _cut(self, profile: Profile, matches: Sequence[Match], taken: set[int]) -> list[Section]:
        sections: list[Section] = []
        unseen = 0  # of topics that the cap left without a single paper: counted where the profile's list ends
        for topic, chosen, omitted in select(matches, self.papers, profile):
            if not chosen:
                unseen += omitted
                continue
            selected = tuple(self._select(match) for match in chosen)
            taken.update(paper.paper_id for paper in selected)
            sections.append(Section(profile.name, profile.title, topic, selected, omitted))
        if sections and unseen:
            sections[-1] = replace(sections[-1], omitted=sections[-1].omitted + unseen)
        return sections

    def _cut_updates(self, profile: Profile, matches: Sequence[Match], taken: set[int]) -> Iterable[Section]:
        cuts = select(matches, self.papers, profile)
        selected = tuple(self._select(match, is_update=True) for _, chosen, _ in cuts for match in chosen)
        if selected:
            taken.update(paper.paper_id for paper in selected)
            omitted = sum(omitted for _, _, omitted in cuts)
            yield Section(profile.name, profile.title, UPDATED_TOPIC, selected, omitted)

    def _select(self, match: Match, *, is_update: bool = False) -> Selected:
        key = (match.paper_id, match.profile, match.topic)
        if key not in self._explained:
            self._explained[key] = self.explain(self.papers[match.paper_id], match).reasons
        paper = self.papers[match.paper_id]
        chosen = Selected(match.paper_id, match.score, self._explained[key], is_update or _came_as_update(paper))
        return with_note(chosen, self.picks)


def with_note(chosen: Selected, picks: Picks) -> Selected:
    """Return a paper of a digest with what a curator says of it."""
    note, curator = picks.note(chosen.paper_id)
    return replace(chosen, note=note, noted_by=curator) if curator else chosen


def _came_as_update(paper: Paper) -> bool:
    return paper.announce_type.is_replacement


def update_notices(digest: Digest, papers: Mapping[int, Paper]) -> list[tuple[int, int]]:
    """Return the (paper, version) pairs that a digest lists as updates, for the ledger of updates."""
    return [
        (selected.paper_id, papers[selected.paper_id].version or 0)
        for section in digest.sections
        for selected in section.papers
        if selected.is_update
    ]


def compose_digest(
    sections: tuple[Section, ...],
    reader: Reader,
    issue_date: date,
    *,
    considered: int,
    notes: tuple[SourceNote, ...],
) -> Digest:
    """Return the digest of these sections: a welcome for a first one, and "all quiet" where nothing was picked."""
    full = IssueKind.WELCOME if reader.window.is_first else IssueKind.DIGEST
    kind = full if sections else IssueKind.QUIET
    return Digest(kind, issue_date, sections, considered, notes, reader.template, reader.language)


def source_notes(
    states: Mapping[str, SourceState], source_names: Sequence[str], papers: Iterable[Paper]
) -> tuple[SourceNote, ...]:
    """Return one honest line for each configured source that has been asked: what it brought, or since when it is
    broken. Of one that nobody asked yet there is nothing to say.
    """
    brought: dict[str, int] = {}
    for paper in papers:
        for source in paper.sources:
            brought[source] = brought.get(source, 0) + 1
    asked = ((name, states[name]) for name in source_names if name in states)
    return tuple(
        _note(state, name, brought.get(name, 0)) for name, state in asked if state.health is not Health.UNCHECKED
    )


def _note(state: SourceState, name: str, papers: int) -> SourceNote:
    failing = state.health in (Health.BROKEN, Health.THROTTLED, Health.STALE)
    since = (state.last_new_paper_at if state.health is Health.STALE else state.last_success_at) if failing else None
    return SourceNote(name, state.health, papers, since)
