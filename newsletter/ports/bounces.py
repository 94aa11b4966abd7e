"""Where it is kept what came back, and whom nobody writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from newsletter.model import (
        Bounce,
        BounceKind,
        BounceScore,
        Delivery,
        EmailAddress,
        Standing,
        Suppression,
        SuppressionKind,
        Verdict,
    )


class BounceStore(Protocol):
    """Bounces, each counted once, and how much has come back from whom."""

    async def record_bounce(self, bounce: Bounce, judge: Callable[[Standing], Verdict]) -> Verdict | None:
        """Keep a bounce and what it changes, in one transaction; None, and nothing changes, when its ``event_key`` is
        known.

        ``judge`` is asked how its subscriber stands, if it has one that still exists, while nobody else can change
        that. A bounce of a subscriber or delivery that is gone is kept without it.
        """

    async def list_bounces(
        self,
        *,
        kind: BounceKind | None = None,
        subscriber_id: int | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[Bounce]:
        """Return bounces, newest first, with ids below ``before_id``."""

    async def bounce(self, bounce_id: int) -> Bounce:
        """Return one bounce; NotFoundError when unknown."""

    async def find_by_message_id(self, subscriber_id: int, message_ids: Collection[str]) -> Delivery | None:
        """Return the delivery to this subscriber that had one of these Message-IDs (without brackets), or envelope ids
        (its number; RFC 3461), if any.
        """

    async def scores(self, subscriber_ids: Collection[int]) -> dict[int, BounceScore]:
        """Return the scores of those of these people who have one, as they were when they were last changed."""

    async def probes(self, subscriber_ids: Collection[int]) -> dict[int, Delivery]:
        """Return the newest probe of each of these people who ever had one."""

    async def forget_scores(self, subscriber_ids: Collection[int]) -> int:
        """Forget how much has come back from these people, and end their probation; return how many had a score."""

    async def forget_bounces(self, recorded_before: datetime) -> int:
        """Forget bounces that were recorded before then, some thousands of the oldest at once; return how many."""

    def reading(self, mailbox: str) -> AbstractAsyncContextManager[bool]:
        """Yield whether we may read a mailbox, for as long as the context lasts: one process at a time does."""


class SuppressionStore(Protocol):
    """Addresses and domains that nobody writes to. One that has expired counts as not there."""

    async def suppressed(self, addresses: Collection[EmailAddress], now: datetime) -> Mapping[str, Suppression]:
        """Return what suppresses these addresses, by their keys: the address's own suppression, else its
        domain's, else that of its fingerprint.
        """

    async def erased(self, address_keys: Collection[str], now: datetime) -> Mapping[str, Suppression]:
        """Return by key which of these addresses' owners had everything about them erased."""

    async def find_suppressions(
        self, values: Collection[tuple[SuppressionKind, str]]
    ) -> dict[tuple[SuppressionKind, str], Suppression]:
        """Return those of these suppressions that there are, expired ones too."""

    async def suppress(self, suppressions: Sequence[Suppression]) -> int:
        """Keep suppressions in place of what was known of the same address or domain; return how many were new."""

    async def unsuppress(self, values: Collection[tuple[SuppressionKind, str]]) -> int:
        """Forget suppressions; return how many there were."""

    async def list_suppressions(
        self, *, text: str | None = None, after: tuple[SuppressionKind, str] | None = None, limit: int | None = None
    ) -> list[Suppression]:
        """Return suppressions, expired ones too, ordered by kind and value, after a pair of these; ``text`` is part of
        the value.
        """

    async def count_suppressions(self, now: datetime) -> dict[SuppressionKind, int]:
        """Return how many are in force, by kind."""
