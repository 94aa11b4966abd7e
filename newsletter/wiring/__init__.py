"""From settings to concrete parts: the one place that knows class names, and the only reader of the clock."""

from __future__ import annotations

from newsletter.wiring.application import (
    Application,
    check_roles,
    exclusive,
    make_data_directory,
    open_application,
    prepare_database,
    start_catcher,
)
from newsletter.wiring.bounces import (
    BounceParts,
    bounce_policy,
    build_bounces,
    build_desk,
    build_providers,
    inbox_of,
    return_paths_of,
)
from newsletter.wiring.mail import brand_of, build_renderer, build_transport, build_ways, fleet_of, template_directories
from newsletter.wiring.parts import Parts, alert_policy, build_issuer, build_parts
from newsletter.wiring.reading import BounceReport, read_mailboxes, read_mails
from newsletter.wiring.signups import build_signup_desk
from newsletter.wiring.webhooks import build_postman, wanted_webhooks

__all__ = [
    "Application",
    "BounceParts",
    "BounceReport",
    "Parts",
    "alert_policy",
    "bounce_policy",
    "brand_of",
    "build_bounces",
    "build_desk",
    "build_issuer",
    "build_parts",
    "build_postman",
    "build_providers",
    "build_renderer",
    "build_signup_desk",
    "build_transport",
    "build_ways",
    "check_roles",
    "exclusive",
    "fleet_of",
    "inbox_of",
    "make_data_directory",
    "open_application",
    "prepare_database",
    "read_mailboxes",
    "read_mails",
    "return_paths_of",
    "start_catcher",
    "template_directories",
    "wanted_webhooks",
]
