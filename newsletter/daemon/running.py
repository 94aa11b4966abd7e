"""What the tasks of one running daemon share: its parts, its signs of life, and the events that wake them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.metrics import Metrics
from newsletter.model import ALL_ROLES, Role
from newsletter.vitals import Vitals
from newsletter.wiring.mail import fleet_of
from newsletter.wiring.parts import build_parts

if TYPE_CHECKING:
    from newsletter.notify import Notifier
    from newsletter.wiring.application import Application
    from newsletter.wiring.parts import Parts


@dataclass(slots=True)
class Running:
    """One running instance. ``tick``, ``wake``, ``look`` and ``tell`` wake line, deliveries, watch and webhooks.

    ``pause`` ends a delivery run between two mails; ``delivering`` is held while one goes on. ``changed`` tells that
    there are other parts, or that all ends.
    """

    application: Application
    notifier: Notifier
    roles: frozenset[Role] = ALL_ROLES
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    tick: asyncio.Event = field(default_factory=asyncio.Event)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    look: asyncio.Event = field(default_factory=asyncio.Event)
    tell: asyncio.Event = field(default_factory=asyncio.Event)
    pause: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    delivering: asyncio.Lock = field(default_factory=asyncio.Lock)
    parts: Parts = field(init=False)
    vitals: Vitals = field(init=False)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        application = self.application
        self.vitals = Vitals(application.version)
        self.metrics = Metrics(application.store, self.vitals, application.now, roles=self.roles)

    def build_parts(self) -> Parts:
        """Return what the configuration describes; ConfigurationError or TemplateError when that is unusable."""
        return build_parts(self.application, self.metrics.measured, self.metrics.bounced)

    def has(self, role: Role) -> bool:
        """Whether this process does that."""
        return role in self.roles

    def on_tick(self) -> None:
        """Wake every task, to look whether there is something for it to do."""
        for event in (self.tick, self.wake, self.look, self.tell):
            event.set()

    def end(self) -> None:
        """Let every task come to its end."""
        self.stopping.set()
        self.vitals.is_stopping = True
        self.notifier.stopping()
        self.pause.set()
        self.changed.set()
        self.on_tick()

    def note_configuration(self) -> None:
        """Tell those who watch which configuration is in force; the service manager waits for it."""
        application = self.application
        is_ok = not application.configuration_fault
        settings = application.configuration.settings
        self.metrics.configured(settings.sources, fleet_of(settings.mail), is_ok=is_ok)
        refused = "the changed configuration is refused, the last good one is in force"
        self.notifier.ready(f"version {application.version}" if is_ok else refused)
