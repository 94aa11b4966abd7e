"""Which papers a collection's entries are about, and what follows from it, decided before anything is stored.

The store loads what is known (:class:`Known`), :class:`Joining` decides entry by entry, and the store writes what it
holds in the end. New papers have negative ids until then.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from newsletter.core.identity import canonical_link, entry_arxiv_id, entry_doi, normal_title, paper_keys
from newsletter.core.merging import entry_version, merge, unite
from newsletter.model import CollectionCounts, KeyScheme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.core.merging import Collection
    from newsletter.model import Entry, Paper, PaperKey, PaperVersion


@dataclass(frozen=True, slots=True)
class SightingKey:
    """What tells a source's sightings apart; ``version`` is 0 where the source tells none."""

    entry_id: str
    version: int


@dataclass(frozen=True, slots=True)
class KnownSighting:
    """A stored sighting: of which paper, and what was said."""

    paper_id: int
    entry: Entry


@dataclass(slots=True)
class Known:
    """What the store knows that touches a collection's entries."""

    papers: dict[int, Paper] = field(default_factory=dict)
    keys: dict[PaperKey, int] = field(default_factory=dict)
    sightings: dict[SightingKey, KnownSighting] = field(default_factory=dict)


def sighting_keys(entry: Entry) -> tuple[SightingKey, SightingKey]:
    """Return the key of an entry's sighting, and the one it has when its id names another item of the same feed.

    Some feeds give every item the same id; the second key tells them apart by title, link and identifiers.
    """
    version = entry_version(entry) or 0
    told = normal_title(entry.title), canonical_link(entry.url), entry_arxiv_id(entry), entry_doi(entry)
    digest = hashlib.sha256(repr((*told, entry.announce_type.value)).encode()).hexdigest()[:16]
    return SightingKey(entry.entry_id, version), SightingKey(f"{entry.entry_id} {digest}", version)


def shared_keys(entries: Sequence[Entry]) -> frozenset[SightingKey]:
    """Return the keys that a document gives to items that differ: there, they name none of them."""
    items: dict[SightingKey, set[SightingKey]] = defaultdict(set)
    for entry in entries:
        key, alternative = sighting_keys(entry)
        items[key].add(alternative)
    return frozenset(key for key, different in items.items() if len(different) > 1)


def is_same_item(one: Entry, other: Entry) -> bool:
    """Whether two entries under one id of one source are the same item, perhaps edited."""
    if entry_arxiv_id(one) and entry_arxiv_id(one) == entry_arxiv_id(other):
        return True
    return normal_title(one.title) == normal_title(other.title) or (
        bool(one.url) and canonical_link(one.url) == canonical_link(other.url)
    )


def may_join(paper: Paper, entry: Entry, scheme: KeyScheme, source: str) -> bool:
    """Whether a paper that was found by a key of ``scheme`` may be what ``entry`` is about.

    Different arXiv ids are different papers, and so are different DOIs, unless the arXiv id is the same. A link that
    one source gives to items with different titles is a page about many papers.
    """
    arxiv_id, doi = entry_arxiv_id(entry), entry_doi(entry)
    if scheme is KeyScheme.ARXIV:
        return paper.arxiv_id == arxiv_id
    if arxiv_id and paper.arxiv_id and arxiv_id != paper.arxiv_id:
        return False
    if scheme is KeyScheme.DOI:
        return True
    if doi and paper.doi and doi != paper.doi:
        return False
    if scheme is KeyScheme.URL and source in paper.sources:
        return normal_title(paper.title) == normal_title(entry.title)
    return True


def may_unite(one: Paper, other: Paper) -> bool:
    """Whether two stored papers can be one: neither their arXiv ids nor their DOIs contradict each other."""
    if one.arxiv_id and other.arxiv_id:
        return one.arxiv_id == other.arxiv_id
    return not (one.doi and other.doi and one.doi != other.doi)


class Joining:
    """Takes one collection's entries and gathers what they change; touches nothing but itself.

    ``papers`` holds every paper in its newest form, ``changed`` the ids to write, ``moved`` which paper became part of
    which, ``keys`` the new names, ``versions`` the versions shown, ``seen`` new or changed sightings, ``touched`` those
    that said nothing new.
    """

    def __init__(self, known: Known, collection: Collection) -> None:
        self.collection = collection
        self.papers = dict(known.papers)
        self.owners = dict(known.keys)
        self.sightings = dict(known.sightings)
        self.changed: dict[int, None] = {}
        self.moved: dict[int, int] = {}
        self.keys: dict[PaperKey, int] = {}
        self.versions: list[tuple[int, PaperVersion]] = []
        self.seen: dict[SightingKey, None] = {}
        self.touched: dict[SightingKey, None] = {}
        self.counts = CollectionCounts()
        self.shared: frozenset[SightingKey] = frozenset()

    def take_all(self, entries: Sequence[Entry]) -> None:
        """Decide about the entries of one document, in their order."""
        self.shared = shared_keys(entries)
        for entry in entries:
            self.take(entry)

    def take(self, entry: Entry) -> None:
        """Decide about one entry."""
        key, previous = self.sighting_of(entry)
        if previous is not None and previous.entry == entry:
            self.touched[key] = None
            self.count("unchanged")
            return
        # What a document says twice in different words is heard twice and remembered as it was said first.
        is_repeated = key in self.seen or key in self.touched
        keys = paper_keys(entry)
        paper = self.join(entry, keys, previous)
        merged = merge(paper, entry, self.collection, previous.entry if previous and not is_repeated else None)
        stored = merged.paper if paper else replace(merged.paper, id=-1 - len(self.papers) - len(self.moved))
        self.papers[stored.id] = stored
        if stored != paper:
            self.changed[stored.id] = None
        if merged.version:
            self.versions.append((stored.id, merged.version))
        self.name(stored.id, keys)
        if not is_repeated:
            self.sightings[key] = KnownSighting(stored.id, entry)
            self.seen[key] = None
        self.count(kind_of_change(paper, stored, is_newer_version=merged.is_newer_version))

    def sighting_of(self, entry: Entry) -> tuple[SightingKey, KnownSighting | None]:
        """Return the key under which an entry is kept, and what is kept there already."""
        key, alternative = sighting_keys(entry)
        known = self.sightings.get(key)
        if key in self.shared:
            return alternative, self.sightings.get(alternative)
        if known is None or is_same_item(known.entry, entry):
            return key, known
        return alternative, self.sightings.get(alternative)

    def join(self, entry: Entry, keys: tuple[PaperKey, ...], previous: KnownSighting | None) -> Paper | None:
        """Return the paper that ``entry`` is about, uniting what its keys show to be one; None when it is new."""
        found: Paper | None = None
        for paper_id in self.candidates(entry, keys, previous):
            candidate = self.papers[self.resolve(paper_id)]  # it may just have become part of another
            if found is None:
                found = candidate
            elif candidate.id != found.id and may_unite(found, candidate):
                found = self.unite(found, candidate)
        return found

    def candidates(self, entry: Entry, keys: tuple[PaperKey, ...], previous: KnownSighting | None) -> list[int]:
        """Return the papers that an entry may be about: by identifiers, by its own history, by link and title."""
        named = [(key.scheme, self.resolve(self.owners[key])) for key in keys if key in self.owners]
        own = [(KeyScheme.TITLE, self.resolve(previous.paper_id))] if previous else []
        strong = [each for each in named if each[0] in (KeyScheme.ARXIV, KeyScheme.DOI)]
        weak = [each for each in named if each not in strong]
        source = self.collection.source
        return [
            paper_id
            for scheme, paper_id in strong + own + weak
            if may_join(self.papers[paper_id], entry, scheme, source)
        ]

    def unite(self, one: Paper, other: Paper) -> Paper:
        """Make two papers one, under the older id, and remember which id went into which."""
        kept, gone = sorted((one, other), key=lambda paper: (paper.id < 0, abs(paper.id)))
        both = unite(kept, gone)
        del self.papers[gone.id]
        self.changed.pop(gone.id, None)
        self.moved[gone.id] = kept.id
        self.papers[kept.id] = both
        self.changed[kept.id] = None
        return both

    def name(self, paper_id: int, keys: tuple[PaperKey, ...]) -> None:
        """Give a paper those of an entry's names that no other paper bears."""
        for key in keys:
            if key not in self.owners:
                self.owners[key] = self.keys[key] = paper_id

    def resolve(self, paper_id: int) -> int:
        """Return the id under which a paper is to be found now."""
        while paper_id in self.moved:
            paper_id = self.moved[paper_id]
        return paper_id

    def count(self, name: str) -> None:
        """Count one more entry, and what came of it."""
        self.counts = replace(self.counts, entries=self.counts.entries + 1, **{name: getattr(self.counts, name) + 1})


def kind_of_change(before: Paper | None, after: Paper, *, is_newer_version: bool) -> str:
    """Return the name under which :class:`CollectionCounts` counts what an entry did."""
    if before is None:
        return "new"
    if is_newer_version:
        return "new_versions"
    return "enriched" if after != before else "unchanged"
