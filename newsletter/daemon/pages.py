"""What a process serves: the pages with the role ``web``; without it, where asked for, health and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.model import Role
from newsletter.service.challenges import Challenges
from newsletter.web.admin.desk import AdminDesk
from newsletter.web.api_mount import ApiMount
from newsletter.web.app import create_app, create_probe_app
from newsletter.web.client import Clients
from newsletter.web.probes import Probes
from newsletter.web.server import serve
from newsletter.web.subscribing import SignupParts
from newsletter.web.unsubscribe import Readers
from newsletter.wiring.signups import build_signup_desk

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from starlette.applications import Starlette

    from newsletter.daemon.running import Running
    from newsletter.web.pages import Pages


async def serve_pages(running: Running, port: int | None, stack: AsyncExitStack) -> str:
    """Serve until ``stack`` unwinds and return the address, empty when nothing is served.

    ``port`` takes the place of ``web.port``; without the role ``web`` and without it, nothing is served.
    """
    application = running.application
    settings = application.configuration.settings
    if running.has(Role.WEB):
        app = pages_of(running)
    elif port is not None:
        app = create_probe_app(probes_of(running))
    else:
        return ""
    bound = await serve(app, settings.web.host, settings.web.port if port is None else port, stack)
    return f"http://{settings.web.host}:{bound}"


def pages_of(running: Running) -> Starlette:
    """Return all pages that the configuration describes."""
    application = running.application
    settings = application.configuration.settings
    return create_app(
        application.store,
        application.links,
        settings.newsletter.name,
        application.now,
        application.maildir if settings.mail.catcher.enabled else None,
        probes_of(running),
        (lambda: application.profiles) if settings.web.has_pages else None,
        lambda: running.parts.bounces,
        settings.newsletter.language,
        AdminDesk(application, lambda: health(running)),
        readers_of(running),
        signup_parts(running) if settings.has_signup else None,
        api=lambda pages: api_mount(running, pages),
        counts_clicks=settings.web.count_clicks,
        picking=lambda: running.parts.picking,
    )


def readers_of(running: Running) -> Readers:
    """Return what subscribers may choose among, and the mails that answer what they do."""
    application = running.application
    settings = application.configuration.settings
    domain = settings.mail.sender.address.domain
    return Readers(lambda: application.profiles, domain, settings.web.goodbye, running.wake.set)


def signup_parts(running: Running) -> SignupParts:
    """Return what takes sign-ups: a mail that waits wakes the worker, a subscription that begins the whole line."""
    application = running.application
    settings = application.configuration.settings
    return SignupParts(
        desk=build_signup_desk(application, running.wake.set, running.tick.set, running.metrics.signed_up),
        profiles=lambda: application.profiles,
        settings=settings.signup,
        defaults=settings.defaults,
        challenges=Challenges(application.links, settings.signup.work_bits),
        clients=Clients(settings.web.trusted_proxies),
    )


def api_mount(running: Running, pages: Pages) -> ApiMount:
    """Return the API's place among the pages."""
    application = running.application
    return ApiMount(
        store=application.store,
        pages=pages,
        clock=application.now,
        configuration=lambda: application.configuration,
        desk=lambda: running.parts.bounces.desk,
        templates=lambda: frozenset(running.parts.renderer.template_names()),
    )


def probes_of(running: Running) -> Probes:
    """Return the answers to ``/healthz``, ``/readyz`` and ``/metrics``."""
    token = running.application.configuration.settings.web.metrics_token
    return Probes(
        health=lambda: health(running),
        unready=running.vitals.unready,
        check_store=running.application.store.check_schema,
        exposition=running.metrics.exposition,
        metrics_token=token.get_secret_value() if token else None,
    )


def health(running: Running) -> dict[str, object]:
    """Return what ``/healthz`` says; ``ok`` is false when the line has stalled or failed."""
    application = running.application
    return {
        **running.vitals.health(application.now()),
        "configuration_fault": application.configuration_fault or None,
        "redirected": application.configuration.settings.mail.redirect_all_to is not None,
        "roles": sorted(running.roles),
    }
