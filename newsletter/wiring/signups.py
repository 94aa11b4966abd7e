"""What takes sign-ups, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.service.signups import SignupDesk

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.model import SignupEvent
    from newsletter.wiring.application import Application


def build_signup_desk(
    application: Application,
    on_asked: Callable[[], None],
    on_confirmed: Callable[[], None],
    on_event: Callable[[SignupEvent], None],
) -> SignupDesk:
    """Build what takes sign-ups; it calls ``on_asked`` when a mail waits, ``on_confirmed`` when a digest is due, and
    ``on_event`` with what became of each form.
    """
    settings = application.configuration.settings
    return SignupDesk(
        application.store,
        application.links,
        settings.mail.sender.address.domain,
        settings.signup.per_address_day,
        on_asked,
        on_confirmed,
        on_event,
    )
