"""Why a paper was, or was not, sent to somebody: the whole line retraced for one paper, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.core.due import next_issue
from newsletter.core.match import Matcher
from newsletter.core.selection import Window
from newsletter.model import DeliveryState, SubscriberStatus
from newsletter.service.edition import personal_profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from newsletter.model import Delivery, Match, Paper, Profile, Reason, Subscriber
    from newsletter.ports import Store
    from newsletter.service.issue import Issuer


LEFT_OUT = (
    "it came before their last digest, which left it out: over its limit, older than it looked back, or not matching "
    "what they took then"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a paper was sent (or is on its way, or comes next), why in one line each, and what matched."""

    paper: Paper
    verdict: str  # sent, on its way, next, not sent; for a profile: taken, not taken
    lines: tuple[str, ...]
    matches: tuple[Match, ...] = ()


def why_profile(paper: Paper, profile: Profile) -> Verdict:
    """Return whether the profile takes the paper, and what decided it."""
    matcher = Matcher([profile])
    matches = _explained(matcher, paper, profile)
    if matches:
        return Verdict(paper, "taken", tuple(_matched_line(profile, match) for match in matches), matches)
    return Verdict(paper, "not taken", matcher.why_not(paper, profile.name))


async def why_subscriber(store: Store, issuer: Issuer, paper: Paper, subscriber: Subscriber, now: datetime) -> Verdict:
    """Return whether the paper went to the subscriber, and what decided it."""
    delivery = await store.find_delivery_of(subscriber.id, paper.id)
    if delivery is not None:
        return await _was_sent(store, paper, delivery)
    profiles = _profiles_of(subscriber, issuer)
    found = [(profile, _explained(Matcher([profile]), paper, profile)) for profile in profiles]
    matches = tuple(match for _, taken in found for match in taken)
    lines = [_matched_line(profile, match) for profile, taken in found for match in taken]
    picked = issuer.policy.picks_for_everyone and (await store.picks_of([paper.id])).get(paper.id)
    if not matches and picked:
        lines = [f"editor’s pick by {pick.curator}" for pick in picked]
    elif not matches:
        lines = [line for profile in profiles for line in _why_not(paper, profile)]
        lines = lines or ["they take no profile and have no keywords of their own"]
        return Verdict(paper, "not sent", tuple(lines))
    obstacles = _status_lines(subscriber)
    if not picked:  # which are news whatever the paper's age
        obstacles += await _window_lines(store, issuer, paper, (subscriber, profiles), now)
    if obstacles:
        return Verdict(paper, "not sent", tuple(lines + obstacles), matches)
    return await _next_or_cut(issuer, Verdict(paper, "not sent", tuple(lines), matches), subscriber, now)


async def _was_sent(store: Store, paper: Paper, delivery: Delivery) -> Verdict:
    digest = await store.digest(delivery.digest_id)
    when = f"{delivery.issue_date.isoformat()}, delivery {delivery.id}, {delivery.state}"
    sent = delivery.state is DeliveryState.ACCEPTED
    first = f"{'in the digest' if sent else 'planned for the digest'} of {when}"
    if delivery.reply_text:
        first += f" ({delivery.reply_text})"
    chosen = [each for section in digest.sections for each in section.papers if each.paper_id == paper.id]
    picked = [f"editor’s pick by {each.noted_by}" for each in chosen if each.noted_by]
    reasons = [_reason_line(reason) for each in chosen for reason in each.reasons]
    lines = (first, *picked, *reasons)
    return Verdict(paper, "sent" if sent else "on its way", lines)


def _profiles_of(subscriber: Subscriber, issuer: Issuer) -> list[Profile]:
    profiles = [issuer.profiles[name] for name in subscriber.profiles if name in issuer.profiles]
    return [*profiles, personal_profile(subscriber)] if subscriber.keywords else profiles


def _explained(matcher: Matcher, paper: Paper, profile: Profile) -> tuple[Match, ...]:
    return tuple(matcher.explain(paper, match) for match in matcher.scan([paper]).matches(profile.name))


def _why_not(paper: Paper, profile: Profile) -> list[str]:
    return [f"{profile.title}: {line}" for line in Matcher([profile]).why_not(paper, profile.name)]


def _status_lines(subscriber: Subscriber) -> list[str]:
    if subscriber.status is SubscriberStatus.ACTIVE:
        return []
    reason = f": {subscriber.status_reason}" if subscriber.status_reason else ""
    return [f"the subscriber is {subscriber.status}{reason}"]


async def _window_lines(
    store: Store, issuer: Issuer, paper: Paper, reader: tuple[Subscriber, Sequence[Profile]], now: datetime
) -> list[str]:
    subscriber, profiles = reader
    delivered = (await store.last_delivered([subscriber.id])).get(subscriber.id)
    window = Window(now, issuer.policy.limits, *(delivered or (None, None)))
    if any(window.admits(paper, profile) for profile in profiles):
        return []
    if window.is_first:
        return [f"it is older than a first digest looks back ({issuer.policy.limits.lookback.days} days)"]
    if paper.backlog:
        return ["it came with a source's first fetch and was published before their last digest"]
    if window.after_arrival is not None and paper.arrival <= window.after_arrival:
        return [LEFT_OUT]
    return [f"it is older than the staleness limit ({issuer.policy.limits.staleness.days} days)"]


async def _next_or_cut(issuer: Issuer, verdict: Verdict, subscriber: Subscriber, now: datetime) -> Verdict:
    (proposal,) = await issuer.propose([subscriber], now)
    if verdict.paper.id in proposal.digest.paper_ids:
        due = next_issue(subscriber.schedule, now)
        line = f"it comes with the next digest, due {due.due_at:%Y-%m-%d %H:%M} UTC"
        return Verdict(verdict.paper, "next", (*verdict.lines, line), verdict.matches)
    line = "it is over the limit of papers in a digest (maximum_papers): others score higher"
    return Verdict(verdict.paper, "not sent", (*verdict.lines, line), verdict.matches)


def _matched_line(profile: Profile, match: Match) -> str:
    reasons = ", ".join(f"{reason.text} in the {reason.field} (+{reason.score:g})" for reason in match.reasons)
    return f"{profile.title}, topic {match.topic}: score {match.score:g}" + (f" from {reasons}" if reasons else "")


def _reason_line(reason: Reason) -> str:
    return f"{reason.kind} {reason.text} in the {reason.field} (+{reason.score:g})"
