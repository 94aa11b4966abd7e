"""What takes sign-ups, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.service.signups import SignupDesk

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.wiring.application import Application


def build_signup_desk(
    application: Application, on_asked: Callable[[], None], on_confirmed: Callable[[], None]
) -> SignupDesk:
    """Build what takes sign-ups; it calls ``on_asked`` when a mail waits, and ``on_confirmed`` when a digest is due."""
    settings = application.configuration.settings
    return SignupDesk(
        application.store,
        application.links,
        settings.mail.sender.address.domain,
        settings.signup.per_address_day,
        on_asked,
        on_confirmed,
    )
