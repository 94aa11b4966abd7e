"""Where sign-ups wait for their confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from newsletter.model import IssueKind, Signup, SignupStanding, Subscriber, SubscriberDraft


class SignupStore(Protocol):
    """Sign-ups, each with the mail that asks for its confirmation, in one transaction."""

    async def sign_up(
        self,
        choices: SubscriberDraft,
        proof: str,
        message_id: str,
        answer: Callable[[SignupStanding], IssueKind | None],
        now: datetime,
    ) -> IssueKind | None:
        """Keep what was asked for an address with the mail that ``answer`` decides on, and return which that is.

        Who is new becomes pending. Who is known is left as they are; with None nothing is written at all.
        """

    async def signup(self, signup_id: int) -> tuple[Signup, Subscriber]:
        """Return a sign-up and whose it is; NotFoundError when it is forgotten."""

    async def confirm_signup(self, signup_id: int, proof: str, now: datetime) -> bool:
        """Make active who asked for it, with what they asked for, and keep ``proof`` of it; return whether it was.

        Again it changes nothing, nor when the address is suppressed by now. NotFoundError when it is forgotten.
        """

    async def forget_signups(self, asked_before: datetime) -> int:
        """Forget sign-ups that were asked for before then, and who never confirmed one; return how many people."""
