"""Which providers there are: a new one has a module beside this one, its settings, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from newsletter.bounces.providers.mailgun import Mailgun
from newsletter.bounces.providers.postmark import Postmark
from newsletter.bounces.providers.sendgrid import SendGrid
from newsletter.bounces.providers.ses import Ses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from newsletter.bounces.providers.base import Fetch, Provider

# Each makes a provider of its settings (:mod:`newsletter.settings.bouncemodels`) and of what fetches from it.
PROVIDERS: Mapping[str, Callable[[Any, Fetch], Provider]] = {
    "ses": lambda settings, fetch: Ses(settings.topics, fetch),
    "sendgrid": lambda settings, _: SendGrid(settings.public_key),
    "postmark": lambda settings, _: Postmark(settings.secret.get_secret_value()),
    "mailgun": lambda settings, _: Mailgun(settings.signing_key.get_secret_value()),
}
