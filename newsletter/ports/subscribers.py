"""Where people are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import date, datetime

    from newsletter.model import (
        Consent,
        Origin,
        Subscriber,
        SubscriberDraft,
        SubscriberStatus,
    )

    Check = Callable[[Subscriber], None]


class SubscriberStore(Protocol):
    """People."""

    async def add_subscriber(
        self, draft: SubscriberDraft, consent: Consent, origin: Origin, now: datetime
    ) -> Subscriber:
        """Add somebody; ConflictError when the address is known, or when its owner had everything erased and the draft
        is not pending.
        """

    async def edit_subscriber(
        self, address_key: str, draft: SubscriberDraft, now: datetime, check: Check | None = None
    ) -> Subscriber:
        """Change what ``draft`` says and return the result; NotFoundError when unknown, ConflictError when the
        draft's address belongs to somebody else.

        ``check`` is shown who is to be changed, while nobody else can change them; what it raises ends it.
        """

    async def set_status(  # noqa: PLR0913 (the status, why, until when, and on what condition)
        self,
        subscriber_id: int,
        status: SubscriberStatus,
        reason: str,
        now: datetime,
        paused_until: date | None = None,
        *,
        only_from: Collection[SubscriberStatus] | None = None,
        check: Check | None = None,
    ) -> Subscriber:
        """Move somebody to ``status``, if they are in one of ``only_from``, and return them as they are then; the same
        status again changes nothing. NotFoundError when unknown.

        ``check`` as with :meth:`edit_subscriber`.
        """

    async def remove_subscriber(self, address_key: str, check: Check | None = None) -> None:
        """Forget somebody and everything about them; NotFoundError when unknown. ``check`` as above."""

    async def find_subscriber(self, address_key: str) -> Subscriber:
        """Return who has this address (its ``key``); NotFoundError when nobody has."""

    async def find_subscribers(self, address_keys: Collection[str]) -> dict[str, Subscriber]:
        """Return those who have these addresses, by ``key``; addresses that nobody has are left out."""

    async def subscriber(self, subscriber_id: int) -> Subscriber:
        """Return somebody by id; NotFoundError when unknown."""

    async def subscribers(self, subscriber_ids: Collection[int]) -> dict[int, Subscriber]:
        """Return those with these ids; unknown ids are left out."""

    async def list_subscribers(
        self,
        *,
        status: SubscriberStatus | None = None,
        profile: str | None = None,
        origin: Origin | None = None,
        text: str | None = None,
        after_id: int = 0,
        limit: int | None = None,
    ) -> list[Subscriber]:
        """Return subscribers by ascending id above ``after_id``; ``text`` is part of an address."""

    async def count_subscribers(self) -> dict[SubscriberStatus, int]:
        """Return how many subscribers are in each status; those that nobody is in are left out."""

    async def count_readers(self) -> dict[str, int]:
        """Return how many active subscribers take each profile, whether or not a file defines it still."""

    async def apply_drafts(
        self, drafts: Sequence[SubscriberDraft], consent: Consent, origin: Origin, now: datetime
    ) -> tuple[int, int, int]:
        """Add or edit many in one transaction; return how many were added, changed, left as they were.

        Whose owner had everything erased is not added.
        """

    async def sync_file_subscribers(
        self, drafts: Sequence[SubscriberDraft], now: datetime
    ) -> tuple[int, int, int, int]:
        """Make the subscribers of origin ``file`` be exactly ``drafts``; return added, changed, unchanged, removed.

        Who left the files becomes ``unsubscribed`` with the reason "left the profile files", so that coming back
        neither repeats a paper nor loses history. Somebody who unsubscribed by themselves (any other reason) stays
        so. An address that the store owns (origin ``store``) is left to the store.
        """
