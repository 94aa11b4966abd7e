"""From settings to concrete parts: the one place that knows class names, and the only reader of the clock."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

import newsletter
from newsletter.core.alerts import AlertPolicy
from newsletter.core.checks import CheckPlan
from newsletter.core.links import Links
from newsletter.core.retry import RetryPolicy
from newsletter.core.selection import Limits
from newsletter.errors import ConfigurationError
from newsletter.mail.alert import AlertTemplate, MailAnnouncer
from newsletter.mail.brand import Brand
from newsletter.mail.catcher import Catcher
from newsletter.mail.relay import Relay, Tls
from newsletter.mail.render import Renderer
from newsletter.mail.smtp import SmtpTransport
from newsletter.model import Problem
from newsletter.service.collect import ScheduledSource
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.service.issue import IssuePolicy, Issuer
from newsletter.service.status import missing_profile, missing_profiles
from newsletter.settings.load import Configuration, load_configuration
from newsletter.settings.secrets import link_secret
from newsletter.settings.sourcemodels import AnySourceSettings, SourceSettings
from newsletter.sources.base import SourceContext
from newsletter.sources.fetch import Fetcher, FetchSettings
from newsletter.sources.kinds import create_source
from newsletter.sources.parse import Parser
from newsletter.sources.webhook import WebhookAnnouncer
from newsletter.store.lock import hold_store
from newsletter.store.migrate import check_version, is_empty, migrate
from newsletter.store.sql import SqlStore, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AsyncExitStack
    from pathlib import Path

    from newsletter.model import Profile
    from newsletter.ports import Announcer, Transport
    from newsletter.settings.models import Settings

logger = structlog.get_logger(__name__)

# A source that announces every working day is stale after a weekend and two holidays.
STALE_AFTER_DAYS = {"arxiv": 5, "huggingface": 5}
EXPANSION = 4  # how many times larger a compressed document may become


@dataclass(slots=True)
class Application:
    """A configuration and its store, open; what every command and the daemon begin with."""

    configuration: Configuration
    store: SqlStore
    links: Links
    catcher_port: int | None = None
    configuration_fault: str = ""
    version: str = field(default=newsletter.__version__)

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        return datetime.now(UTC)

    def adopt(self, configuration: Configuration) -> None:
        """Put a new configuration in force; what only a restart can change keeps its old value, and says so."""
        old, new = self.configuration.settings, configuration.settings
        for name, before, after in (
            ("store", (old.database_url, old.store), (new.database_url, new.store)),
            ("web", old.web, new.web),
            ("mail.catcher", old.mail.catcher, new.mail.catcher),
        ):
            if before != after:
                logger.warning("configuration.needs_restart", setting=name)
        self.configuration = configuration
        self.configuration_fault = ""

    async def sync_subscribers(self) -> tuple[int, int, int, int]:
        """Bring the subscribers that profile files name into the store; return added, changed, unchanged, removed.

        Profiles that subscribers take and that are not there are warned of.
        """
        counts = await self.store.sync_file_subscribers(self.configuration.file_subscribers, self.now())
        if counts[0] or counts[1] or counts[3]:
            logger.info("subscribers.synced", added=counts[0], changed=counts[1], left=counts[3])
        for name, readers in (await missing_profiles(self.store, self.profiles)).items():
            logger.warning("subscribers.profile_missing", profile=name, problem=missing_profile(name, readers))
        return counts

    @property
    def maildir(self) -> Path:
        """Where the mail catcher keeps what it caught."""
        return self.configuration.settings.data_directory / "mails"

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The profiles by name."""
        return {profile.name: profile for profile in self.configuration.profiles}


@dataclass(slots=True)
class Parts:
    """What a configuration makes; replaced as a whole when it changes."""

    fetcher: Fetcher
    sources: list[ScheduledSource]
    issuer: Issuer
    renderer: Renderer
    transport: Transport
    deliverer: Deliverer
    announcers: list[Announcer]
    alert_policy: AlertPolicy

    def take_over(self, former: Parts) -> None:
        """Keep what the parts before these had in hand: outcomes not yet written, and the last good templates."""
        self.deliverer.take_over(former.deliverer)
        self.renderer.take_over(former.renderer)

    async def aclose(self) -> None:
        """End the connections to relay and sources."""
        await self.transport.aclose()
        await self.fetcher.aclose()


@asynccontextmanager
async def open_application(directory: Path, *, create: bool = True) -> AsyncIterator[Application]:
    """Open the configuration in ``directory`` and its store.

    A database that is not there yet is made (unless ``create`` is false). Raises ConfigurationError with every problem,
    StoreVersionError when the schema is not this program's.
    """
    configuration = load_configuration(directory)
    settings = configuration.settings
    make_data_directory(settings.data_directory)
    url, busy_timeout_s = settings.database_url, settings.store.busy_timeout_s
    if create:
        await prepare_database(url, busy_timeout_s)
    store = open_store(url, busy_timeout_s)
    try:
        application = Application(configuration, store, Links(link_secret(settings), settings.web.base_url))
        yield application
    finally:
        await store.aclose()


def make_data_directory(path: Path) -> None:
    """Make the data directory where there is none; ConfigurationError when that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the data directory cannot be made: {error.strerror}"
        advice = "name another as data_directory, or give this user the right to write there"
        raise ConfigurationError([Problem(str(path), 0, 0, message, advice)]) from error


async def prepare_database(url: str, busy_timeout_s: float) -> None:
    """Make the schema where there is none yet, and check it where there is one."""
    if await asyncio.to_thread(is_empty, url, busy_timeout_s):
        await asyncio.to_thread(migrate, url, busy_timeout_s)
    await asyncio.to_thread(check_version, url, busy_timeout_s)


def build_parts(
    application: Application, measured: Callable[[Transport, str], Transport] = lambda transport, _: transport
) -> Parts:
    """Build what the configuration describes; TemplateError when a template is unusable.

    ``measured`` may wrap the way to a relay, whose name (host and port) it is given.
    """
    fetcher = _fetcher(application.configuration)
    renderer = build_renderer(application)
    relay = _relay(application)
    transport = measured(SmtpTransport(relay), f"{relay.host}:{relay.port}")
    return Parts(
        fetcher=fetcher,
        sources=_sources(application, fetcher),
        issuer=build_issuer(application),
        renderer=renderer,
        transport=transport,
        deliverer=_deliverer(application, renderer, transport),
        announcers=_announcers(application.configuration, transport),
        alert_policy=_alert_policy(application.configuration.settings),
    )


@asynccontextmanager
async def exclusive(application: Application) -> AsyncIterator[None]:
    """Hold the store as its only sender; StoreLockedError, with the process that holds it, when there is another.

    On SQLite one process sends; PostgreSQL keeps several apart by itself.
    """
    with hold_store(application.configuration.settings.database_url, application.now()):
        yield


async def start_catcher(application: Application, stack: AsyncExitStack) -> None:
    """Start the mail catcher, where it is enabled, until ``stack`` unwinds; the relay is then the port it got."""
    settings = application.configuration.settings.mail.catcher
    if not settings.enabled:
        return
    catcher = Catcher("127.0.0.1", settings.port, application.maildir)
    await catcher.start()
    stack.push_async_callback(catcher.aclose)
    application.catcher_port = catcher.port


def build_issuer(application: Application) -> Issuer:
    """Build what plans issues."""
    settings = application.configuration.settings
    policy = IssuePolicy(
        limits=Limits(timedelta(days=settings.issue.lookback_days), timedelta(days=settings.issue.staleness_days)),
        late_limit=timedelta(hours=settings.issue.late_limit_hours),
        mail_when_quiet=settings.issue.when_quiet == "mail",
        message_domain=settings.mail.sender.address.wire.rpartition("@")[2],
        first_digest_at_once=settings.issue.first_digest == "at_once",
    )
    return Issuer(application.store, application.profiles, tuple(settings.sources), policy)


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
    return SmtpTransport(_relay(application))


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


def _fetcher(configuration: Configuration) -> Fetcher:
    settings = configuration.settings
    size = settings.collect.maximum_size_mb * 2**20
    return Fetcher(
        FetchSettings(
            contact_url=settings.newsletter.website or "",
            contact=settings.contact,
            total_timeout_s=settings.collect.timeout_s,
            most_wire_bytes=size,
            most_bytes=size * EXPANSION,
            allow_private_addresses=settings.collect.allow_private_addresses,
        )
    )


def _sources(application: Application, fetcher: Fetcher) -> list[ScheduledSource]:
    configuration = application.configuration
    context = SourceContext(fetcher, Parser(), configuration.directory, application.now)
    scheduled = []
    for name, source in configuration.settings.sources.items():
        options = _options(source)
        asked = hashlib.sha256(repr((source.kind, sorted(options.items()))).encode()).hexdigest()[:16]
        made = create_source(source.kind, name, options, context)
        scheduled.append(ScheduledSource(made, _plan(source, configuration.settings), asked))
    return scheduled


def _options(source: AnySourceSettings) -> dict[str, object]:
    """Return what the kind itself wants to know: all but what every source may say, and what is not given."""
    return source.model_dump(exclude={"kind", *AnySourceSettings.model_fields}, exclude_none=True)


def _plan(source: SourceSettings, settings: Settings) -> CheckPlan:
    minutes = source.interval_minutes or settings.collect.interval_minutes
    days = source.stale_after_days or STALE_AFTER_DAYS.get(source.kind)
    return CheckPlan(timedelta(minutes=minutes), None if days is None else timedelta(days=days))


def _relay(application: Application) -> Relay:
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


def _announcers(configuration: Configuration, transport: Transport) -> list[Announcer]:
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


def _alert_policy(settings: Settings) -> AlertPolicy:
    alerts = settings.alerts
    return AlertPolicy(
        after=timedelta(minutes=alerts.after_minutes),
        source_after=timedelta(minutes=alerts.source_after_minutes),
        queue_age=timedelta(minutes=alerts.queue_minutes),
    )


def _deliverer(application: Application, renderer: Renderer, transport: Transport) -> Deliverer:
    settings = application.configuration.settings
    policy = DeliveryPolicy(
        envelope_sender=settings.mail.sender.address.wire,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        connections=settings.mail.outgoing.connections,
        retry=RetryPolicy(
            first=timedelta(minutes=settings.deliver.first_retry_minutes),
            deadline=timedelta(hours=settings.deliver.deadline_hours),
        ),
        staleness=timedelta(hours=settings.issue.late_limit_hours),
    )
    return Deliverer(application.store, renderer, transport, policy, application.now)
