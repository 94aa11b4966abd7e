"""Signing up: a form becomes a mail that asks, and the answer to that mail a subscription.

Nobody who fills in the form learns anything about an address: what is done differs, what is said does not. What was
agreed to is kept as it was said, with when and from which network (as a keyed hash).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import structlog

from newsletter.core.signups import answer_to
from newsletter.errors import NotFoundError
from newsletter.model import (
    IssueKind,
    SignupEvent,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from newsletter.core.links import Links
    from newsletter.model import Signup, Subscriber, SubscriberDraft
    from newsletter.ports import Store

logger = structlog.get_logger(__name__)

EVENTS: Final = {
    None: SignupEvent.SILENT,
    IssueKind.CONFIRMATION: SignupEvent.ASKED,
    IssueKind.REMINDER: SignupEvent.REMINDED,
}
REFUSED = "said on the page behind a confirmation that it wants no mail"


@dataclass(frozen=True, slots=True)
class SignupDesk:
    """Takes sign-ups. ``on_asked`` is called when a mail waits to be sent, ``on_confirmed`` when a digest is due;
    ``on_event`` hears what became of each form.
    """

    store: Store
    links: Links
    message_domain: str
    per_address_day: int
    on_asked: Callable[[], None] = lambda: None
    on_confirmed: Callable[[], None] = lambda: None
    on_event: Callable[[SignupEvent], None] = lambda _: None

    async def ask(self, choices: SubscriberDraft, wording: str, network: str, now: datetime) -> None:
        """Send the address that was entered what it is to be sent, if anything."""
        answer = partial(answer_to, most_confirmations=self.per_address_day, now=now)
        message_id = f"<{now:%Y%m%d}.{uuid4().hex}@{self.message_domain}>"
        proof = f"asked {self._moment(network, now)}; the page said: {worded(wording)}"
        kind = await self.store.sign_up(choices, proof, message_id, answer, now)
        logger.info("signup.asked", mail=kind.value if kind else "none")
        self.on_event(EVENTS[kind])
        if kind is not None:
            self.on_asked()

    async def find(self, signup_id: int) -> tuple[Signup, Subscriber] | None:
        """Return a sign-up and whose it is; None when it is forgotten."""
        try:
            return await self.store.signup(signup_id)
        except NotFoundError:
            return None

    async def confirm(self, signup_id: int, network: str, now: datetime) -> SubscriberStatus | None:
        """Begin the subscription that was asked for, once; return how its subscriber stands, None when forgotten."""
        proof = f"confirmed {self._moment(network, now)}"
        try:
            is_new = await self.store.confirm_signup(signup_id, proof, now)
            _, subscriber = await self.store.signup(signup_id)
        except NotFoundError:
            return None
        if is_new:
            logger.info("signup.confirmed", subscriber=subscriber.id)
            self.on_event(SignupEvent.CONFIRMED)
            self.on_confirmed()
        return subscriber.status

    async def refuse(self, signup_id: int, now: datetime) -> None:
        """See to it that the address of a sign-up is never written to again; nothing when it is forgotten."""
        found = await self.find(signup_id)
        if found is None:
            return
        subscriber = found[1]
        kind, reason = SuppressionKind.ADDRESS, SuppressionReason.COMPLAINT
        said = Suppression(kind, subscriber.address.key, reason, REFUSED, "page", now)
        await self.store.suppress([said])
        await self.store.set_status(subscriber.id, SubscriberStatus.SUPPRESSED, REFUSED, now)
        logger.info("signup.refused", subscriber=subscriber.id)
        self.on_event(SignupEvent.REFUSED)

    def _moment(self, network: str, now: datetime) -> str:
        return f"{now:%Y-%m-%d %H:%M:%S} UTC from network {self.links.network_hash(network)}"


def worded(wording: str) -> str:
    """Return what was said, and a hash by which the same words are found."""
    return f"“{wording}” (SHA-256 {hashlib.sha256(wording.encode()).hexdigest()[:16]})"
