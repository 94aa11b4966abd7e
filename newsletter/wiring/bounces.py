"""What mail comes back to, and what reads it, from the settings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.bounces.imap import ImapInbox, ImapReader, ImapTls, Mailbox
from newsletter.bounces.lmtp import LmtpReader, Place
from newsletter.bounces.maildir import MaildirReader, put_away
from newsletter.bounces.providers.registry import PROVIDERS
from newsletter.bounces.returned import read_returned
from newsletter.core.bounce_score import BouncePolicy
from newsletter.core.verp import MailKind, ReturnPaths
from newsletter.errors import ConfigurationError
from newsletter.mail.inbox import MaildirInbox
from newsletter.model import IssueKind, Problem
from newsletter.service.bounces import BounceDesk
from newsletter.settings.general import SETTINGS_NAME
from newsletter.sources.amazon import fetch_from_amazon

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from newsletter.bounces.providers.base import Provider
    from newsletter.bounces.reader import Reader
    from newsletter.model import Delivery, EmailAddress
    from newsletter.service.bounces import Taken
    from newsletter.service.round_trip import Inbox
    from newsletter.settings.bouncemodels import BounceSettings, ImapSettings
    from newsletter.settings.load import Configuration
    from newsletter.wiring.application import Application


@dataclass(frozen=True, slots=True)
class Intake:
    """Implements :class:`newsletter.bounces.reader.Take`: from the bytes of a mail to what follows."""

    desk: BounceDesk

    async def __call__(self, data: bytes, envelope_recipients: Sequence[str], source: str) -> None:
        """Return once what the mail says is committed; StoreError when it could not be."""
        # In a thread: a hostile mail may take a second.
        report = await asyncio.to_thread(read_returned, data, envelope_recipients)
        await self.desk.take(report, source)


@dataclass(frozen=True, slots=True)
class BounceParts:
    """What takes reports, and where they come from."""

    desk: BounceDesk
    readers: Sequence[Reader] = ()
    providers: Mapping[str, Provider] = field(default_factory=dict)

    @property
    def intake(self) -> Intake:
        """What readers hand mails to."""
        return Intake(self.desk)

    async def aclose(self) -> None:
        """Let go of mailboxes and listeners."""
        await asyncio.gather(*(reader.aclose() for reader in self.readers))


def build_bounces(application: Application, on_taken: Callable[[Taken], None] = lambda _: None) -> BounceParts:
    """Build what the settings say of bounces; ConfigurationError when a provider cannot be used."""
    desk = build_desk(application, on_taken)
    settings = application.configuration.settings.bounces
    return BounceParts(desk, build_readers(settings, desk.return_paths), build_providers(application.configuration))


def build_desk(application: Application, on_taken: Callable[[Taken], None] = lambda _: None) -> BounceDesk:
    """Build what takes reports."""
    policy = bounce_policy(application.configuration.settings.bounces)
    return BounceDesk(
        application.store, application.links, return_paths_of(application), policy, application.now, on_taken
    )


def return_paths_of(application: Application) -> ReturnPaths | None:
    """Return what makes and reads return paths, None where mails come back to the sender."""
    settings = application.configuration.settings.bounces
    if settings.address is None:
        return None
    local, _, domain = settings.address.wire.rpartition("@")
    return ReturnPaths(application.links.secret, local, domain, settings.delimiter)


def bounce_policy(settings: BounceSettings) -> BouncePolicy:
    """Return what the operator decided about mail that comes back."""
    return BouncePolicy(
        timedelta(days=settings.half_life_days), settings.threshold, timedelta(days=settings.probe_days)
    )


def sender_of(return_paths: ReturnPaths | None, address: str) -> Callable[[Delivery], str]:
    """Return what makes a delivery's envelope sender: a signed return path, or ``address`` where there are none."""
    if return_paths is None:
        return lambda _: address
    return lambda delivery: return_paths.make(
        MailKind.PROBE if delivery.kind is IssueKind.PROBE else MailKind.ISSUE, delivery.id
    )


def build_readers(settings: BounceSettings, return_paths: ReturnPaths | None) -> list[Reader]:
    """Build the readers that are configured."""
    readers: list[Reader] = []
    if settings.maildir is not None:
        readers.append(MaildirReader(settings.maildir.path, settings.maildir.interval_s))
    if settings.imap is not None:
        readers.append(ImapReader(_mailbox(settings.imap), settings.imap.interval_s))
    if settings.lmtp is not None and return_paths is not None:
        place = Place(settings.lmtp.host, settings.lmtp.port, settings.lmtp.socket)
        readers.append(LmtpReader(place, return_paths.is_ours))
    return readers


def inbox_of(settings: BounceSettings, address: EmailAddress) -> Inbox | None:
    """Return where a mail to ``address`` can be seen to arrive: the Maildir, or else the mailbox, in which what comes
    back is read; None for every other address. ConfigurationError when the Maildir may not be read.
    """
    if settings.address is None or settings.address.key != address.key:
        return None
    if settings.maildir is not None:
        return MaildirInbox(settings.maildir.path, "bounces.maildir.path", put_away)
    return ImapInbox(_mailbox(settings.imap)) if settings.imap is not None else None


def _mailbox(settings: ImapSettings) -> Mailbox:
    return Mailbox(
        host=settings.host,
        port=settings.port,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else "",
        tls=ImapTls(settings.tls.value),
        folder=settings.folder,
        deletes=settings.after_reading == "delete",
        ca_file=str(settings.ca_file) if settings.ca_file else None,
        timeout_s=settings.timeout_s,
    )


def build_providers(configuration: Configuration) -> dict[str, Provider]:
    """Build the providers that are configured; ConfigurationError with all that cannot be used."""
    webhooks = configuration.settings.bounces.webhooks
    place = str(configuration.directory / SETTINGS_NAME)
    found: dict[str, Provider] = {}
    problems: list[Problem] = []
    for name, create in PROVIDERS.items():
        settings = getattr(webhooks, name)
        if settings is None:
            continue
        try:
            found[name] = create(settings, fetch_from_amazon)
        except ValueError as error:
            problems.append(Problem(place, 0, 0, f"bounces.webhooks.{name} cannot be used: {error}"))
    if problems:
        raise ConfigurationError(problems)
    return found
