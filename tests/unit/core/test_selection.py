"""What is news to whom, and in which section it stands."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from newsletter.core.match import Matcher
from newsletter.core.selection import (
    Ledger,
    Limits,
    Picker,
    Reader,
    Window,
    compose_digest,
    source_notes,
    update_notices,
)
from newsletter.model import (
    AnnounceType,
    Community,
    Health,
    IssueKind,
    Keyword,
    Paper,
    Profile,
    Replacements,
    Section,
    SourceState,
    Topic,
)
from tests.support.samples import NOW, make_paper, make_profile

LIMITS = Limits(lookback=timedelta(days=7), staleness=timedelta(days=14))
FIRST = Window(NOW, LIMITS)
LATER = Window(NOW, LIMITS, after_arrival=10, since=NOW - timedelta(days=1))


def pick(
    papers: Sequence[Paper], profiles: Sequence[Profile], window: Window = LATER, ledger: Ledger = frozenset()
) -> tuple[Section, ...]:
    matcher = Matcher(list(profiles))
    scan = matcher.scan(papers)
    picker = Picker({paper.id: paper for paper in papers}, scan.matches, matcher.explain)
    return picker.sections(Reader(tuple(profiles), window, ledger, "digest", "en"))


def ids(sections: Sequence[Section]) -> list[int]:
    return [paper.paper_id for section in sections for paper in section.papers]


def test_only_what_arrived_since_the_last_delivered_digest_is_news() -> None:
    old, new = make_paper(1, arrival=10), make_paper(2, arrival=11)
    assert ids(pick([old, new], [make_profile()])) == [2]


def test_a_first_digest_looks_back_a_set_number_of_days() -> None:
    recent = make_paper(1, first_seen_at=NOW - timedelta(days=6))
    old = make_paper(2, first_seen_at=NOW - timedelta(days=8))
    assert ids(pick([recent, old], [make_profile()], FIRST)) == [1]


def test_a_first_fetch_is_judged_by_the_day_of_publication() -> None:
    yesterday = make_paper(1, arrival=11, backlog=True, published_at=NOW - timedelta(days=2))
    today = make_paper(2, arrival=11, backlog=True, published_at=NOW - timedelta(hours=2))
    undated = make_paper(3, arrival=11, backlog=True, published_at=None)
    assert ids(pick([yesterday, today, undated], [make_profile()])) == [2]
    assert sorted(ids(pick([yesterday, today, undated], [make_profile()], FIRST))) == [1, 2, 3]


def test_nothing_older_than_the_staleness_limit_is_sent_after_downtime() -> None:
    stale = make_paper(1, arrival=11, first_seen_at=NOW - timedelta(days=15))
    fresh = make_paper(2, arrival=12, first_seen_at=NOW - timedelta(days=13))
    assert ids(pick([stale, fresh], [make_profile()])) == [2]


def test_what_the_ledger_holds_is_never_sent_again() -> None:
    papers = [make_paper(1, arrival=11), make_paper(2, arrival=11)]
    assert ids(pick(papers, [make_profile()], ledger=frozenset({(1, None)}))) == [2]


def test_a_paper_of_two_profiles_stands_in_the_first_only() -> None:
    papers = [make_paper(1, arrival=11), make_paper(2, "A paper on graphs", abstract="On graphs.", arrival=11)]
    sections = pick(papers, [make_profile("diffusion"), make_profile("all", "paper")])
    assert [(section.profile, [paper.paper_id for paper in section.papers]) for section in sections] == [
        ("diffusion", [1]),
        ("all", [2]),
    ]


def test_the_cap_counts_what_it_leaves_out() -> None:
    papers = [make_paper(number, arrival=11) for number in range(1, 8)]
    (section,) = pick(papers, [make_profile(maximum_papers=5)])
    assert (len(section.papers), section.omitted) == (5, 2)


def test_a_topic_that_the_cap_leaves_empty_is_counted_and_not_shown() -> None:
    topics = (Topic("Diffusion", (Keyword("diffusion models", 5),)), Topic("Graphs", (Keyword("graphs"),)))
    papers = [make_paper(number, arrival=11) for number in (1, 2)]
    papers += [make_paper(number, "A paper on graphs", abstract="On graphs.", arrival=11) for number in (3, 4, 5)]
    (section,) = pick(papers, [make_profile(topics=topics, maximum_papers=2)])
    assert (section.topic, len(section.papers), section.omitted) == ("Diffusion", 2, 3)


def test_a_new_version_is_an_update_for_who_wants_updates_once() -> None:
    paper = make_paper(1, arrival=3, version=2, version_arrival=11, version_seen_at=NOW)
    updating = make_profile(replacements=Replacements.UPDATED)
    sent: Ledger = frozenset({(1, None)})
    assert pick([paper], [make_profile()], ledger=sent) == ()
    (section,) = pick([paper], [updating], ledger=sent)
    assert section.topic == "Updated"
    assert section.papers[0].is_update
    digest = compose_digest((section,), Reader((updating,), LATER, sent, "digest", "en"), date(2026, 11, 24),
                            considered=1, notes=())  # fmt: skip
    assert update_notices(digest, {1: paper}) == [(1, 2)]
    assert pick([paper], [updating], ledger=sent | {(1, 2)}) == ()


def test_a_new_version_goes_stale_as_a_new_paper_does() -> None:
    updating = make_profile(replacements=Replacements.UPDATED)
    old: dict[str, Any] = {"first_seen_at": NOW - timedelta(days=90), "version": 2, "version_arrival": 11}
    week = make_paper(1, arrival=3, version_seen_at=NOW - timedelta(days=8), **old)
    month = make_paper(2, arrival=3, version_seen_at=NOW - timedelta(days=30), **old)
    assert ids(pick([week, month], [updating])) == [1]
    assert ids(pick([week, month], [updating], FIRST)) == []  # beyond what a first digest looks back


def test_a_paper_first_seen_as_a_replacement_is_ignored_or_labelled() -> None:
    paper = make_paper(1, arrival=11, announce_type=AnnounceType.REPLACE, version=3)
    assert pick([paper], [make_profile()]) == ()
    (section,) = pick([paper], [make_profile(replacements=Replacements.UPDATED)])
    assert section.papers[0].is_update


def test_a_trending_list_looks_back_over_days_and_ranks_by_votes() -> None:
    few = make_paper(1, arrival=3, community=Community(upvotes=5))
    many = make_paper(2, arrival=4, community=Community(upvotes=50))
    none = make_paper(3, arrival=11)
    old = make_paper(4, arrival=1, community=Community(upvotes=99), first_seen_at=NOW - timedelta(days=9))
    trending = Profile("trending", "Trending", trending=True)
    assert ids(pick([few, many, none, old], [trending])) == [2, 1]
    assert ids(pick([few, many], [trending], ledger=frozenset({(2, None)}))) == [1]


def test_nothing_picked_is_all_quiet_and_a_first_digest_a_welcome() -> None:
    reader = Reader((), FIRST, frozenset(), "digest", "en")
    quiet = compose_digest((), reader, date(2026, 11, 24), considered=3, notes=())
    assert quiet.kind is IssueKind.QUIET
    section = Section("a", "A", "A", ())
    assert compose_digest((section,), reader, date(2026, 11, 24), considered=3, notes=()).kind is IssueKind.WELCOME


def test_a_quiet_source_and_a_broken_one_are_told_apart() -> None:
    since = NOW - timedelta(days=1)
    states = {
        "arxiv": SourceState("arxiv", health=Health.FRESH, last_success_at=NOW),
        "blog": SourceState("blog", health=Health.QUIET, last_success_at=NOW),
        "journal": SourceState("journal", health=Health.BROKEN, last_success_at=since),
    }
    notes = source_notes(states, ["arxiv", "blog", "journal", "added"], [make_paper(1), make_paper(2)])
    assert [(note.source, note.health, note.papers, note.since) for note in notes] == [
        ("arxiv", Health.FRESH, 2, None),
        ("blog", Health.QUIET, 0, None),
        ("journal", Health.BROKEN, 0, since),
    ]


def test_a_source_that_was_never_asked_has_no_note() -> None:
    states = {"stored": SourceState("stored")}
    assert source_notes(states, ["stored", "added"], []) == ()
