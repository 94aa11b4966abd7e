"""A changed configuration, put in force between two mails; one that is broken leaves the last good one in force."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from newsletter.errors import ConfigurationError, TemplateError
from newsletter.model import Role
from newsletter.settings.load import fingerprint, load_configuration

if TYPE_CHECKING:
    from newsletter.daemon.running import Running
    from newsletter.settings.load import Configuration

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Reloading:
    """Looks at the files at every tick; ``is_asked`` has them read whether or not they changed."""

    running: Running
    is_asked: bool = False
    _seen: object = field(init=False)

    def __post_init__(self) -> None:
        self._seen = self.running.application.configuration.fingerprint

    def ask(self) -> None:
        """Have the configuration read again before the next collection."""
        self.running.notifier.reloading()
        self.is_asked = True
        self.running.tick.set()

    async def step(self) -> None:
        """Read the files where they changed, and put what they say in force, or say why not."""
        directory = self.running.application.configuration.directory
        current = fingerprint(directory)
        if not self.is_asked and current == self._seen:
            return
        try:
            # In a thread: hundreds of profiles take seconds, and pages and mails go on meanwhile.
            await self._swap(await asyncio.to_thread(load_configuration, directory))
        except (ConfigurationError, TemplateError) as error:
            self._refuse(error)
        # Only now: should the store be busy while subscribers are synced, the next tick does it all again.
        self.is_asked, self._seen = False, current
        self.running.note_configuration()

    def _refuse(self, error: ConfigurationError | TemplateError) -> None:
        self.running.application.configuration_fault = str(error)
        for problem in error.problems:
            logger.error("configuration.refused", problem=str(problem))
        logger.warning("configuration.last_good_in_force")

    async def _swap(self, configuration: Configuration) -> None:
        """Put a new configuration in force between two mails; ConfigurationError or TemplateError, and all as it
        was, when that cannot be.
        """
        running, application = self.running, self.running.application
        before = application.configuration
        running.pause.set()
        try:
            async with running.delivering:
                # What is new about a relay may be what it refused.
                await running.parts.deliverer.try_again(changed_relays(before, configuration))
                application.adopt(configuration)
                try:
                    old, running.parts = running.parts, running.build_parts()
                except (ConfigurationError, TemplateError):
                    application.configuration = before
                    raise
                running.parts.take_over(old)
                await old.aclose()
                running.changed.set()
        finally:
            if not running.stopping.is_set():
                running.pause.clear()
        if running.has(Role.SCHEDULE):
            await application.sync_subscribers()
        logger.info("configuration.reloaded", profiles=len(configuration.profiles))


def changed_relays(before: Configuration, after: Configuration) -> list[str]:
    """Return the relays whose settings differ."""
    old, new = before.settings.mail.outgoing, after.settings.mail.outgoing
    return [name for name, relay in new.items() if name in old and old[name] != relay]
