"""Everything that a configuration makes; replaced as a whole when it changes."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from newsletter.core.alerts import AlertPolicy
from newsletter.core.checks import CheckPlan
from newsletter.core.retry import RetryPolicy
from newsletter.core.selection import Limits
from newsletter.mail.fleet import FleetTransport
from newsletter.mail.smtp import SmtpTransport
from newsletter.service.collect import ScheduledSource
from newsletter.service.deliver import Deliverer, DeliveryPolicy
from newsletter.service.issue import IssuePolicy, Issuer
from newsletter.service.picks import CURATORS, Picking
from newsletter.service.reporting import ReportPolicy
from newsletter.settings.sourcemodels import AnySourceSettings, SourceSettings
from newsletter.sources.arxiv import single_paper
from newsletter.sources.base import SourceContext
from newsletter.sources.fetch import Fetcher, FetchSettings
from newsletter.sources.kinds import create_source
from newsletter.sources.parse import Parser
from newsletter.wiring.bounces import (
    BounceParts,
    bounce_policy,
    build_bounces,
    return_paths_of,
    sender_of,
)
from newsletter.wiring.mail import (
    build_announcers,
    build_renderer,
    build_reporter,
    fleet_of,
    redirected,
    relays_of,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from newsletter.core.routing import Fleet
    from newsletter.mail.render import Renderer
    from newsletter.ports import Announcer, ReportSender, Transport
    from newsletter.service.bounces import Taken
    from newsletter.settings.load import Configuration
    from newsletter.settings.models import Settings
    from newsletter.wiring.application import Application

logger = structlog.get_logger(__name__)

# A source that announces every working day is stale after a weekend and two holidays.
STALE_AFTER_DAYS = {"arxiv": 5, "huggingface": 5}
# This start of this process in leases: process numbers come again, and so do the names of containers.
OWNER = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
EXPANSION = 4  # how many times larger a compressed document may become


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
    reporter: ReportSender | None
    report_policy: ReportPolicy | None
    alert_policy: AlertPolicy
    bounces: BounceParts
    picking: Picking

    def take_over(self, former: Parts) -> None:
        """Keep what the parts before these had in hand: outcomes not yet written, and the last good templates."""
        self.deliverer.take_over(former.deliverer)
        self.renderer.take_over(former.renderer)

    async def aclose(self) -> None:
        """End the connections to relay and sources."""
        await self.transport.aclose()
        await self.fetcher.aclose()


def build_parts(
    application: Application,
    measured: Callable[[Transport, str], Transport] = lambda transport, _: transport,
    on_taken: Callable[[Taken], None] = lambda _: None,
) -> Parts:
    """Build what the configuration describes; TemplateError when a template is unusable, ConfigurationError when
    something else is.

    ``measured`` may wrap the way to a relay, whose name it is given; ``on_taken`` hears of each report that is taken.
    """
    fetcher = _fetcher(application.configuration)
    renderer = build_renderer(application)
    mail = application.configuration.settings.mail
    if mail.redirect_all_to is not None:
        logger.warning("mail.redirected", problem="every mail goes to mail.redirect_all_to, whoever it is meant for")
    bare = {name: measured(SmtpTransport(relay), name) for name, relay in relays_of(application).items()}
    ways = {name: redirected(way, mail) for name, way in signed(application, bare).items()}
    fleet = fleet_of(mail)
    deliverer = _deliverer(application, renderer, ways, fleet, on_taken)
    transport = FleetTransport(ways, fleet.relays, deliverer.closed_relays)
    return Parts(
        fetcher=fetcher,
        sources=_sources(application, fetcher),
        issuer=build_issuer(application),
        renderer=renderer,
        transport=transport,
        deliverer=deliverer,
        announcers=build_announcers(application.configuration, transport),
        reporter=build_reporter(application.configuration, transport),
        report_policy=report_policy(application.configuration.settings),
        alert_policy=alert_policy(application.configuration.settings),
        bounces=build_bounces(application, on_taken),
        picking=_picking(application, fetcher),
    )


def build_issuer(application: Application) -> Issuer:
    """Build what plans issues."""
    settings = application.configuration.settings
    policy = IssuePolicy(
        limits=Limits(timedelta(days=settings.issue.lookback_days), timedelta(days=settings.issue.staleness_days)),
        late_limit=timedelta(hours=settings.issue.late_limit_hours),
        mail_when_quiet=settings.issue.when_quiet == "mail",
        message_domain=settings.mail.sender.address.wire.rpartition("@")[2],
        first_digest_at_once=settings.issue.first_digest == "at_once",
        bounces=bounce_policy(settings.bounces),
        picks_for_everyone=settings.issue.picks == "everyone",
    )
    return Issuer(application.store, application.profiles, tuple(settings.sources), policy)


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


def _picking(application: Application, fetcher: Fetcher) -> Picking:
    configuration = application.configuration
    context = SourceContext(fetcher, Parser(), configuration.directory, application.now)
    api_url = configuration.settings.collect.arxiv_api_url
    return Picking(
        application.store,
        lambda arxiv_id: single_paper(CURATORS, arxiv_id, api_url, context),
        {curator.name: curator.link for curator in configuration.settings.curators},
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


def report_policy(settings: Settings) -> ReportPolicy | None:
    """Return when the operator's daily report goes out, None when it does not."""
    at = settings.alerts.report_at
    return ReportPolicy(at, settings.defaults.zone) if at is not None else None


def alert_policy(settings: Settings) -> AlertPolicy:
    """Return how long something must last before the operator is told of it."""
    alerts = settings.alerts
    return AlertPolicy(
        after=timedelta(minutes=alerts.after_minutes),
        source_after=timedelta(minutes=alerts.source_after_minutes),
        queue_age=timedelta(minutes=alerts.queue_minutes),
        paused_for=timedelta(hours=alerts.paused_hours),
    )


def _deliverer(
    application: Application,
    renderer: Renderer,
    ways: Mapping[str, Transport],
    fleet: Fleet,
    on_taken: Callable[[Taken], None],
) -> Deliverer:
    settings = application.configuration.settings
    policy = DeliveryPolicy(
        envelope_sender=sender_of(return_paths_of(application), settings.mail.sender.address.wire),
        owner=OWNER,
        lease=timedelta(minutes=settings.deliver.lease_minutes),
        connections=fleet.connections,
        fleet=fleet,
        retry=RetryPolicy(
            first=timedelta(minutes=settings.deliver.first_retry_minutes),
            deadline=timedelta(hours=settings.deliver.deadline_hours),
            resend_unknown=settings.deliver.when_unknown == "resend",
        ),
        staleness=timedelta(hours=settings.issue.late_limit_hours),
        bounces=bounce_policy(settings.bounces),
        on_bounce=on_taken,
    )
    return Deliverer(application.store, renderer, ways, policy, application.now)
