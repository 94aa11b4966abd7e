"""Probation: those whose mails keep coming back get a probe instead of a digest, and then silence decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from newsletter.core.bounce_score import Probation, probation
from newsletter.model import Digest, IssueKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from newsletter.core.bounce_score import BouncePolicy
    from newsletter.model import Subscriber
    from newsletter.ports import BounceStore
    from newsletter.service.edition import DuePerson

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Sorted:
    """Who of those that are due gets a digest, who a probe, and who waits for what becomes of theirs."""

    digests: list[DuePerson] = field(default_factory=list)
    probes: list[DuePerson] = field(default_factory=list)
    waiting: list[DuePerson] = field(default_factory=list)
    acquitted: list[int] = field(default_factory=list)  # of those with a digest, whose probe did not come back


async def sort_due(store: BounceStore, people: Sequence[DuePerson], policy: BouncePolicy, now: datetime) -> Sorted:
    """Return who gets what; nothing is written."""
    ids = [person.subscriber.id for person in people]
    scores = {who: score for who, score in (await store.scores(ids)).items() if score.probation_since is not None}
    probes = await store.probes(scores) if scores else {}
    found = Sorted()
    for person in people:
        who = person.subscriber.id
        step = probation(scores.get(who), probes.get(who), now, policy)
        if step is Probation.PROBE:
            found.probes.append(person)
        elif step is Probation.WAIT:
            found.waiting.append(person)
        else:
            found.digests.append(person)
            if step is Probation.OVER:
                found.acquitted.append(who)
    return found


async def acquit(store: BounceStore, subscriber_ids: Sequence[int]) -> None:
    """End the probation of people whose probe did not come back: their score begins anew."""
    if await store.forget_scores(subscriber_ids):
        logger.info("bounce.acquitted", subscribers=list(subscriber_ids))


def probe_for(subscriber: Subscriber, issue_date: date) -> Digest:
    """Return the probe: it holds no papers, so that none is used up on a mail that may come back."""
    return Digest(IssueKind.PROBE, issue_date, (), considered=0, language=subscriber.language)
