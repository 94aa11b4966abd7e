from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.rank import rank, select
from newsletter.model import Community, Match, Paper, Profile, Topic

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROFILE = Profile("p", "P", topics=(Topic("A"), Topic("B")), maximum_papers=3)


def paper(number: int, *, votes: int | None = None, days: int = 0) -> Paper:
    published = NOW - timedelta(days=days)
    return Paper(
        number, "T", "", (), "", NOW, 1, published_at=published, community=Community(upvotes=votes)
    )  # fmt: skip


def match(number: int, topic: str = "A", score: float = 1.0) -> Match:
    return Match(number, "p", topic, score)


def test_order_is_by_score_then_votes_then_newest_then_id() -> None:
    papers = {1: paper(1), 2: paper(2), 3: paper(3, days=-1), 4: paper(4, votes=5), 5: paper(5)}
    matches = [match(1), match(2), match(3), match(4), match(5, score=2)]
    assert [each.paper_id for each in rank(matches, papers, PROFILE)] == [5, 4, 3, 2, 1]


def test_a_paper_stands_once_under_its_best_topic_the_earlier_of_equals() -> None:
    papers = {1: paper(1), 2: paper(2)}
    matches = [match(1, "A", 1), match(1, "B", 2), match(2, "B", 1), match(2, "A", 1)]
    chosen = [
        (topic, [each.paper_id for each in shown], omitted)
        for topic, shown, omitted in select(matches, papers, PROFILE)
    ]
    assert chosen == [("A", [2], 0), ("B", [1], 0)]


def test_the_cap_counts_over_all_topics_and_tells_what_is_missing() -> None:
    papers = {number: paper(number) for number in range(1, 7)}
    matches = [
        match(1, "A", 6),
        match(2, "B", 5),
        match(3, "B", 4),
        match(4, "A", 3),
        match(5, "B", 2),
        match(6, "C", 1),
    ]
    chosen = [
        (topic, [each.paper_id for each in shown], omitted)
        for topic, shown, omitted in select(matches, papers, PROFILE)
    ]
    assert chosen == [("A", [1], 1), ("B", [2, 3], 1), ("C", [], 1)]
    assert select([], papers, PROFILE) == []


drawn = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from("ABC"), st.sampled_from([1.0, 2.0])), unique_by=lambda m: m[:2]
)


@settings(max_examples=100, deadline=None)
@given(drawn, st.randoms(use_true_random=False))
def test_ranking_is_one_order_whatever_order_matches_come_in(rows: list[tuple[int, str, float]], dice: object) -> None:
    papers = {number: paper(number, votes=number % 2) for number in range(1, 7)}
    matches = [match(*row) for row in rows]
    ranked = rank(matches, papers, PROFILE)
    shuffled = list(matches)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rank(shuffled, papers, PROFILE) == ranked
    cut = select(matches, papers, PROFILE)
    shown = [each.paper_id for _, several, _ in cut for each in several]
    assert len(shown) == len(set(shown)) == min(3, len({row[0] for row in rows}))
    assert len(shown) + sum(omitted for _, _, omitted in cut) == len({row[0] for row in rows})
