"""Who is told of what happens, from the settings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.core.webhooks import PostingPolicy
from newsletter.model import WantedWebhook
from newsletter.service.posting import Postman, Webhook
from newsletter.sources.posting import WebhookPoster

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.settings.models import Settings
    from newsletter.wiring.application import Application


def wanted_webhooks(settings: Settings) -> list[WantedWebhook]:
    """Return the webhooks as the store is told of them."""
    endpoints = settings.webhooks.endpoints
    return [WantedWebhook(name, frozenset(each.events), each.include_address) for name, each in endpoints.items()]


def build_postman(
    application: Application, on_posted: Callable[[str, bool], None] = lambda _name, _accepted: None
) -> Postman:
    """Build what tells webhooks."""
    settings = application.configuration.settings
    timeout_s = settings.webhooks.timeout_s
    posted = []
    for wanted in wanted_webhooks(settings):
        endpoint = settings.webhooks.endpoints[wanted.name]
        url = endpoint.url.get_secret_value() if endpoint.url else ""
        poster = WebhookPoster(url, timeout_s, allow_private_addresses=endpoint.allow_private_addresses)
        posted.append(Webhook(wanted, endpoint.keys, poster))
    policy = PostingPolicy(deadline=timedelta(hours=settings.webhooks.deadline_hours))
    return Postman(application.store, posted, policy, timedelta(seconds=timeout_s), application.now, on_posted)
