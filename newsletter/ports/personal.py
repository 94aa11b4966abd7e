"""What people do about themselves: leave and take it back, see all that is stored, have it erased, move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import AddressChange, AddressSide, Departure, EmailAddress, Subscriber


class DepartureStore(Protocol):
    """Leaving, and taking it back."""

    async def depart(self, subscriber_id: int, reason: str, now: datetime, goodbye: str = "") -> bool:
        """Unsubscribe somebody and note what they were; return whether they had not left before.

        Where ``goodbye`` is a Message-ID, a mail is planned that tells them. NotFoundError when unknown.
        """

    async def departure(self, subscriber_id: int) -> Departure | None:
        """Return how somebody left by themselves, None when they have not, or have come back since."""

    async def take_back(self, subscriber_id: int, left_at: datetime, now: datetime) -> bool:
        """Restore what somebody was before they left at ``left_at``, with that as proof; return whether it changed
        anything: not when they have come back, or left anew, since.
        """


class AddressChangeStore(Protocol):
    """Moves to another address, which both addresses have to agree to."""

    async def ask_address(
        self, subscriber: Subscriber, address: EmailAddress, message_ids: tuple[str, str], now: datetime
    ) -> AddressChange | None:
        """Note that somebody wants mail at ``address``, in place of what they asked before, and plan the mails that ask
        the old address and the new one; None, and nothing changed, when they have asked three times within a day.
        """

    async def address_change(self, change_id: int) -> AddressChange | None:
        """Return the move of this number, None when it was refused, or something else was asked for since."""

    async def agree_to_address(self, change_id: int, side: AddressSide, now: datetime) -> bool:
        """Note that one side agrees to a move; when both have, make it.

        Return whether mail goes to the new address now; saying so again changes nothing. Where that is another
        subscriber's, it does not, as if the other side had not agreed: nobody learns from it who is there.
        """

    async def refuse_address(self, change_id: int, now: datetime) -> bool:
        """End a move, so that nobody can agree to it; return whether there was one that is not made yet."""


class PersonalStore(Protocol):
    """Everything about one person."""

    async def personal_rows(self, subscriber_id: int) -> dict[str, list[dict[str, Any]]]:
        """Return every row about somebody by its table, as JSON takes them; NotFoundError when unknown."""

    async def erase_subscriber(self, subscriber_id: int, now: datetime) -> bool:
        """Forget somebody and everything about them but for a suppression of their address's fingerprint; return
        whether they were there.
        """
