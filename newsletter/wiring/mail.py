"""What renders mail and what carries it, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.mail.alert import AlertTemplate, MailAnnouncer
from newsletter.mail.brand import Brand
from newsletter.mail.relay import Relay, Tls
from newsletter.mail.render import Renderer
from newsletter.mail.smtp import SmtpTransport
from newsletter.sources.webhook import WebhookAnnouncer

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.ports import Announcer, Transport
    from newsletter.settings.load import Configuration
    from newsletter.wiring.application import Application


def build_renderer(application: Application) -> Renderer:
    """Build what renders mail, with the operator's own templates first."""
    configuration = application.configuration
    return Renderer(
        template_directories(configuration),
        brand_of(configuration),
        lambda subscriber: application.links.unsubscribe_url(subscriber.id),
        {profile.name: profile.title for profile in configuration.profiles},
    )


def build_transport(application: Application) -> SmtpTransport:
    """Build the way to the relay, or to the mail catcher where that is enabled."""
    return SmtpTransport(relay_of(application))


def template_directories(configuration: Configuration) -> list[Path]:
    """Return the folders in which templates are looked for before the shipped ones."""
    own = configuration.settings.templates_directory
    return [own] if own else []


def brand_of(configuration: Configuration) -> Brand:
    """Return the newsletter's name and addresses as templates see them."""
    settings = configuration.settings
    mail = settings.mail
    return Brand(
        name=settings.newsletter.name,
        sender=mail.sender.address.wire,
        sender_name=mail.sender.name,
        reply_to=mail.reply_to.address.wire if mail.reply_to else "",
        list_id=mail.list_identifier,
        unsubscribe_address=mail.unsubscribe_address.wire if mail.unsubscribe_address else "",
        contact=settings.contact,
        postal_address=settings.newsletter.postal_address or "",
        web_url=settings.web.base_url,
    )


def relay_of(application: Application) -> Relay:
    """Return the relay as the settings describe it, or the mail catcher while that is enabled."""
    mail = application.configuration.settings.mail
    relay = mail.outgoing
    return Relay(
        host=relay.host,
        port=application.catcher_port or relay.port,
        tls=Tls(relay.tls.value),
        username=relay.username,
        password=relay.password.get_secret_value() if relay.password else None,
        connections=relay.connections,
        messages_per_connection=relay.messages_per_connection,
        timeout_s=relay.timeout_s,
        ca_file=str(relay.ca_file) if relay.ca_file else None,
    )


def build_announcers(configuration: Configuration, transport: Transport) -> list[Announcer]:
    """Return the ways to tell the operator that are configured."""
    alerts, name = configuration.settings.alerts, configuration.settings.newsletter.name
    found: list[Announcer] = []
    if alerts.mail is not None:
        brand = brand_of(configuration)
        template = AlertTemplate(brand, template_directories(configuration))
        found.append(MailAnnouncer(transport, brand, alerts.mail, template))
    if alerts.webhook_url is not None:
        found.append(WebhookAnnouncer(alerts.webhook_url.get_secret_value(), name))
    return found
