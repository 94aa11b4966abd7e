"""What renders mail and what carries it, from the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.core.routing import DomainPlan, Fleet, RelayPlan, WarmUp
from newsletter.mail.alert import AlertTemplate, MailAnnouncer
from newsletter.mail.brand import Brand, Wording
from newsletter.mail.dkim import Signer, SigningTransport
from newsletter.mail.fleet import FleetTransport
from newsletter.mail.redirect import RedirectedTransport
from newsletter.mail.relay import Authentication, Relay, Tls, TlsVersion
from newsletter.mail.render import Renderer
from newsletter.mail.report import MailReporter, ReportTemplate
from newsletter.mail.smtp import SmtpTransport
from newsletter.mail.themes import THEMES
from newsletter.model import Window
from newsletter.settings.mailmodels import NamedRelaySettings
from newsletter.settings.signingkeys import signing_keys
from newsletter.sources.webhook import WebhookAnnouncer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from newsletter.ports import Announcer, Transport
    from newsletter.settings.limitmodels import LimitSettings
    from newsletter.settings.load import Configuration
    from newsletter.settings.mailmodels import MailSettings, RelaySettings
    from newsletter.settings.models import Settings
    from newsletter.wiring.application import Application


def build_renderer(application: Application) -> Renderer:
    """Build what renders mail, with the operator's own templates first."""
    configuration = application.configuration
    is_redirected = configuration.settings.mail.redirect_all_to is not None
    links = application.links.worthless() if is_redirected else application.links
    return Renderer(
        template_directories(configuration),
        brand_of(configuration),
        links,
        {profile.name: profile.title for profile in configuration.profiles},
        topic_urls=topic_urls(configuration),
        counts_clicks=configuration.settings.web.count_clicks and not is_redirected,
    )


def build_transport(application: Application) -> FleetTransport:
    """Build the way of a single mail: to whichever relay takes it, or to the mail catcher where that is enabled."""
    return FleetTransport(
        signed(application, build_ways(application)), fleet_of(application.configuration.settings.mail).relays
    )


def build_ways(application: Application) -> dict[str, SmtpTransport]:
    """Build the way to each relay, by its name."""
    return {name: SmtpTransport(relay) for name, relay in relays_of(application).items()}


def redirected(transport: Transport, settings: MailSettings) -> Transport:
    """Return ``transport``, or one that gives it everything for one address, where the settings say so."""
    if settings.redirect_all_to is None:
        return transport
    return RedirectedTransport(transport, settings.redirect_all_to, settings.sender.address.wire)


def signed(application: Application, ways: Mapping[str, Transport]) -> dict[str, Transport]:
    """Return the ways to the relays, each signing what passes where the settings name keys."""
    settings = application.configuration.settings
    keys = signing_keys(settings)
    if not keys:
        return dict(ways)
    signer = Signer(settings.mail.signing_domain, keys, application.now)
    return {name: SigningTransport(way, signer) for name, way in ways.items()}


def template_directories(configuration: Configuration) -> list[Path]:
    """Return the folders in which templates are looked for before the shipped ones."""
    own = configuration.settings.templates_directory
    return [own] if own else []


def brand_of(configuration: Configuration, theme_name: str = "") -> Brand:
    """Return the newsletter's name and addresses as templates see them, in its own theme or another."""
    settings = configuration.settings
    mail, look = settings.mail, settings.brand
    theme = THEMES[theme_name or look.theme]
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
        website=settings.newsletter.website or "",
        archive_url=archive_url(settings),
        sender_id=mail.sender_id or "",
        theme=theme,
        light=replace(theme.light, **look.light.stated),
        dark=replace(theme.dark, **look.dark.stated),
        logo_url=look.logo_url or "",
        logo_width=look.logo_width,
        wording=Wording(look.wording.greeting or "", look.wording.welcome or "", look.wording.footer or ""),
    )


def topic_urls(configuration: Configuration) -> dict[str, str]:
    """Return the pages of the profiles, by name; none where there are no pages, or a profile is on none."""
    web = configuration.settings.web
    names = [profile.name for profile in configuration.profiles if profile.public] if web.has_pages else []
    return {name: f"{web.base_url}/topics/{name}" for name in names}


def archive_url(settings: Settings) -> str:
    """Return where past issues are: as configured, or our own archive where its pages are served; else empty."""
    own = f"{settings.web.base_url}/archive" if settings.web.has_pages else ""
    return settings.mail.archive_url or own


def relays_of(application: Application) -> dict[str, Relay]:
    """Return the relays by name as the settings describe them, or the mail catcher alone while that is enabled."""
    outgoing = application.configuration.settings.mail.outgoing
    return {name: relay_of(name, settings, application.catcher_port) for name, settings in outgoing.items()}


def relay_of(name: str, relay: RelaySettings, catcher_port: int | None = None) -> Relay:
    """Return one relay as the settings describe it; ``catcher_port`` is the one that the mail catcher got."""
    return Relay(
        host=relay.host,
        port=catcher_port or relay.port,
        name=name,
        tls=Tls(relay.tls.value),
        username=relay.username,
        password=relay.password.get_secret_value() if relay.password else None,
        connections=relay.connections,
        messages_per_connection=relay.messages_per_connection,
        connect_timeout_s=relay.connect_timeout_s,
        timeout_s=relay.timeout_s,
        final_timeout_s=relay.final_timeout_s,
        minimum_tls=TlsVersion(relay.minimum_tls),
        authentication=Authentication(relay.authentication),
        token_command=relay.token_command or (),
        token_lifetime_s=relay.token_lifetime_s,
        dsn=relay.dsn,
        ca_file=str(relay.ca_file) if relay.ca_file else None,
    )


def fleet_of(settings: MailSettings) -> Fleet:
    """Return how the relays are used together, and how recipient domains are treated."""
    if settings.catcher.enabled:  # which has no limits, and is to show at once what would go out
        return Fleet(tuple(RelayPlan(name) for name in settings.outgoing))
    domains = {name: DomainPlan(each.connections, windows(each.limits)) for name, each in settings.domains.items()}
    return Fleet(tuple(plan_of(name, relay) for name, relay in settings.outgoing.items()), domains)


def plan_of(name: str, relay: RelaySettings) -> RelayPlan:
    """Return when a relay is used, and how much it is given."""
    warm = relay.warm_up
    plan = RelayPlan(
        name,
        connections=relay.connections,
        limits=windows(relay.limits),
        warm_up=WarmUp(warm.starts_on, warm.first_day, warm.growth) if warm else None,
    )
    if isinstance(relay, NamedRelaySettings):
        return replace(plan, priority=relay.priority, weight=relay.weight, domains=relay.domains)
    return plan


def windows(limits: LimitSettings) -> dict[Window, int]:
    """Return the limits that are set, by window."""
    stated = {window: getattr(limits, f"per_{window}") for window in Window}
    return {window: most for window, most in stated.items() if most is not None}


def build_reporter(configuration: Configuration, transport: Transport) -> MailReporter | None:
    """Return what sends the operator's daily report, None where there is none."""
    alerts = configuration.settings.alerts
    if alerts.mail is None or alerts.report_at is None:
        return None
    brand = brand_of(configuration)
    return MailReporter(transport, brand, alerts.mail, ReportTemplate(brand, template_directories(configuration)))


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
