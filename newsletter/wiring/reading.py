"""Returned mails that somebody has read now, instead of the daemon: from files, a Maildir or a mailbox."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.bounces.returned import read_returned
from newsletter.errors import ConfigurationError, NotFoundError
from newsletter.model import Problem
from newsletter.settings.general import SETTINGS_NAME
from newsletter.wiring.bounces import build_bounces, build_desk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.model import EmailAddress, Report
    from newsletter.service.bounces import BounceDesk, Taken
    from newsletter.wiring.application import Application

COMMAND_LINE = "command-line"


@dataclass(frozen=True, slots=True)
class BounceReport:
    """What became of a mail that came from ``place``; ``address`` is its reader's, if it was believed."""

    place: str
    taken: Taken
    address: EmailAddress | None

    @property
    def outcome(self) -> str:
        """What it changes, in a word or two."""
        taken = self.taken
        if taken.kind is None:
            return "nothing to count"
        if not taken.is_identified:
            return "about nobody known"
        if not taken.is_new:
            return "known already"
        if taken.verdict is not None and taken.verdict.status is not None:
            return str(taken.verdict.status)
        if taken.verdict is not None and taken.verdict.suppression is not None:
            return "suppressed"
        score = taken.verdict.score if taken.verdict else None
        return f"score {score.value:.1f}" if score else "nothing changes"


@dataclass(slots=True)
class Reading:
    """Implements :class:`newsletter.bounces.reader.Take`, and remembers; a trial writes nothing."""

    application: Application
    desk: BounceDesk
    is_trial: bool
    found: list[BounceReport] = field(default_factory=list)

    async def __call__(self, data: bytes, envelope_recipients: Sequence[str], source: str) -> None:
        """Return once what the mail says is committed, or examined."""
        report = await asyncio.to_thread(read_returned, data, envelope_recipients)
        await self.take(report, source, source)

    async def take(self, report: Report, source: str, place: str) -> None:
        """Do the same for a report from ``place``."""
        taken = await (self.desk.examine if self.is_trial else self.desk.take)(report, source)
        self.found.append(BounceReport(place, taken, await self._address(taken.subscriber_id)))

    async def _address(self, subscriber_id: int | None) -> EmailAddress | None:
        if subscriber_id is None:
            return None
        try:
            return (await self.application.store.subscriber(subscriber_id)).address
        except NotFoundError:
            return None


async def read_mails(
    application: Application, mails: Sequence[tuple[str, bytes]], recipient: str | None, *, is_trial: bool
) -> list[BounceReport]:
    """Take mails, each with the name of its file, and return what became of them."""
    reading = Reading(application, build_desk(application), is_trial)
    for place, data in mails:
        report = await asyncio.to_thread(read_returned, data, (recipient,) if recipient else ())
        await reading.take(report, COMMAND_LINE, place)
    return reading.found


async def read_mailboxes(application: Application, *, is_trial: bool) -> list[BounceReport]:
    """Take what waits in the configured Maildir and mailbox; ReadingError when one cannot be read, ConfigurationError
    when there is none.
    """
    bounces = build_bounces(application)
    readers = [reader for reader in bounces.readers if reader.name != "lmtp"]
    if not readers:
        place = str(application.configuration.directory / SETTINGS_NAME)
        raise ConfigurationError(
            [Problem(place, 0, 0, "there is neither bounces.maildir nor bounces.imap", "add one, or name files")]
        )
    reading = Reading(application, bounces.desk, is_trial)
    try:
        for reader in readers:
            await reader.read(reading, keeps=is_trial)
    finally:
        await bounces.aclose()
    return reading.found
