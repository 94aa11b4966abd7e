"""In which order a profile's papers stand, under which topic, and how many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from newsletter.model import Match, Paper, Profile


def rank(matches: Iterable[Match], papers: Mapping[int, Paper], profile: Profile) -> list[Match]:
    """Return matches in their one order: score, then community votes, then the newest, then the highest id; matches
    of one paper by the order of the profile's topics.
    """
    places = _topic_places(profile)

    def key(match: Match) -> tuple[float, int, float, int, int, str]:
        paper = papers[match.paper_id]
        known_at = paper.published_at or paper.first_seen_at
        place = places.get(match.topic, len(places))
        return -match.score, -(paper.votes or 0), -known_at.timestamp(), -paper.id, place, match.topic

    return sorted(matches, key=key)


def best_topics(ranked: Iterable[Match]) -> list[Match]:
    """Return each paper's first match of a ranking: its highest-scoring topic, the earlier one of equals."""
    return list({match.paper_id: match for match in reversed(list(ranked))}.values())[::-1]


def select(
    matches: Iterable[Match], papers: Mapping[int, Paper], profile: Profile
) -> list[tuple[str, list[Match], int]]:
    """Return (topic, matches shown, how many more there were) in the profile's order of topics.

    A paper stands under its best topic only. ``maximum_papers`` is for the whole profile: the best of all topics are
    shown. A topic all of whose papers are over the cap is there with none shown.
    """
    once = best_topics(rank(matches, papers, profile))
    shown: dict[str, list[Match]] = {}
    omitted: dict[str, int] = {}
    for place, match in enumerate(once):
        shown.setdefault(match.topic, [])
        if place < profile.maximum_papers:
            shown[match.topic].append(match)
        else:
            omitted[match.topic] = omitted.get(match.topic, 0) + 1
    places = _topic_places(profile)
    topics = sorted(shown, key=lambda topic: (places.get(topic, len(places)), topic))
    return [(topic, shown[topic], omitted.get(topic, 0)) for topic in topics]


def _topic_places(profile: Profile) -> dict[str, int]:
    return {topic.name: place for place, topic in reversed(list(enumerate(profile.topics)))}
