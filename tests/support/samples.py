"""Papers, profiles and people for tests, with what a test does not care about filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from newsletter.core.address import parse_address
from newsletter.model import (
    Consent,
    Frequency,
    Keyword,
    Origin,
    Paper,
    Profile,
    Subscriber,
    SubscriberDraft,
    SubscriberStatus,
    Topic,
    Weekday,
)

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def make_paper(number: int = 1, title: str = "A paper on diffusion models", **changes: Any) -> Paper:
    """Return a paper that was seen an hour ago in arrival 1."""
    paper = Paper(
        id=number,
        title=title,
        abstract="We study diffusion models. We show that they work.",
        authors=("Ada Example", "Ben Sample"),
        url=f"https://arxiv.org/abs/2611.{number:05}",
        first_seen_at=NOW - timedelta(hours=1),
        arrival=1,
        published_at=NOW - timedelta(hours=6),
        categories=("cs.LG",),
        arxiv_id=f"2611.{number:05}",
        version=1,
        sources=("arxiv",),
    )
    return replace(paper, **changes)


def make_profile(name: str = "diffusion", *keywords: str, **changes: Any) -> Profile:
    """Return a profile with one topic of its title."""
    words = keywords or ("diffusion models",)
    profile = Profile(name, name.title(), topics=(Topic(name.title(), tuple(Keyword(word) for word in words)),))
    return replace(profile, **changes)


def make_draft(address: str = "reader@example.org", **changes: Any) -> SubscriberDraft:
    """Return a draft of an active subscriber who takes the profile "diffusion" at seven, UTC."""
    draft = SubscriberDraft(
        parse_address(address),
        SubscriberStatus.ACTIVE,
        zone="UTC",
        send_at_local=time(7, 0),
        profiles=("diffusion",),
    )
    return replace(draft, **changes)


def make_subscriber(number: int = 1, **changes: Any) -> Subscriber:
    """Return an active subscriber."""
    subscriber = Subscriber(
        id=number,
        address=parse_address(f"reader{number}@example.org"),
        status=SubscriberStatus.ACTIVE,
        zone="UTC",
        send_at_local=time(7, 0),
        frequency=Frequency.DAILY,
        weekday=Weekday.MONDAY,
        profiles=("diffusion",),
        keywords=(),
        language="en",
        template="digest",
        origin=Origin.STORE,
        consent=Consent("test", NOW),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(subscriber, **changes)


def make_consent() -> Consent:
    """Return a proof of consent."""
    return Consent("test", NOW, "a test")
