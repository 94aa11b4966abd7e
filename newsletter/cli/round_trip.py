"""``newsletter doctor --send-to``: the mail to an address of one's own, and the wait for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from newsletter.cli.output import note
from newsletter.cli.progress import progress
from newsletter.core.address import parse_address
from newsletter.core.findings import Finding, skipped
from newsletter.errors import ConfigurationError
from newsletter.mail.inbox import MaildirInbox
from newsletter.mail.sample import sample_digest
from newsletter.model import IssueKind, Problem
from newsletter.service.issue import stand_in
from newsletter.service.round_trip import Letter, send_round
from newsletter.wiring.bounces import inbox_of
from newsletter.wiring.mail import build_renderer

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.model import EmailAddress
    from newsletter.ports import Transport
    from newsletter.service.round_trip import Inbox
    from newsletter.settings.bouncemodels import BounceSettings
    from newsletter.wiring.application import Application

WAIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Trial:
    """Where a sample is sent, and where its arrival shows; ``inbox`` is None where that cannot be seen."""

    recipient: EmailAddress
    inbox: Inbox | None
    wait_s: float
    dry_run: bool


def trial_of(
    settings: BounceSettings, send_to: str | None, maildir: Path | None, wait_s: float, *, dry_run: bool
) -> Trial | None:
    """Return what the options ask for; what is sent to the address for bounces is looked for where those are read.

    ConfigurationError when an option stands alone that only says more of --send-to, or a Maildir cannot be read.
    """
    if send_to is None:
        alone = "--maildir" if maildir is not None else "--dry-run" if dry_run else ""
        if alone:
            advice = "add --send-to ADDRESS; without it nothing is sent"
            raise ConfigurationError([Problem(alone, 0, 0, "there is no mail that this could be about", advice)])
        return None
    recipient = parse_address(send_to)
    inbox = MaildirInbox(maildir) if maildir is not None else inbox_of(settings, recipient)
    return Trial(recipient, inbox, wait_s, dry_run)


async def try_delivery(application: Application, transport: Transport, trial: Trial) -> list[Finding]:
    """Send a sample digest, and return what became of it."""
    mail = application.configuration.settings.mail
    if mail.catcher.enabled:
        return [skipped("delivery", "nothing was sent: the mail catcher would take it")]
    letter = _letter(application, trial.recipient)
    if trial.dry_run:
        made = f"a mail of {len(letter.message):,} bytes to {trial.recipient} was made, and not sent: --dry-run"
        return [skipped("delivery", made)]
    if trial.inbox is not None:
        note(f"waiting up to {trial.wait_s:g} s for the mail to come to {trial.inbox.place}")
    with progress("waiting for the mail (seconds)", round(trial.wait_s)) as advance:
        return await send_round(transport, letter, trial.inbox, trial.wait_s, advance)


def _letter(application: Application, recipient: EmailAddress) -> Letter:
    sender = application.configuration.settings.mail.sender.address.wire
    digest, papers = sample_digest(IssueKind.DIGEST)
    subscriber = replace(stand_in("", application.now()), address=recipient)
    message_id = f"<doctor.{uuid4().hex}@{sender.rpartition('@')[2]}>"
    prepared = build_renderer(application).prepare(digest, papers)
    return Letter(prepared.compose(subscriber, message_id, application.now()), message_id, sender, recipient)
