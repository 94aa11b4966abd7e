"""Mails as they come back, and a desk that takes them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from newsletter.bounces.returned import read_returned
from newsletter.core.bounce_score import BouncePolicy
from newsletter.core.links import Links
from newsletter.core.verp import MailKind, ReturnPaths
from newsletter.errors import StoreBusyError
from newsletter.service.bounces import BounceDesk, Taken
from tests.support.deliveries import PLANNED_AT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.store.sql import SqlStore

PATHS = ReturnPaths("a secret of sixteen", "bounces", "news.example")
LINKS = Links("a secret of sixteen", "https://news.example")


def path_of(delivery_id: int) -> str:
    """Return the return path of a delivery."""
    return PATHS.make(MailKind.ISSUE, delivery_id)


def returned(
    to: str,
    *,
    code: str = "5.1.1",
    diagnosis: str = "550 5.1.1 no such user",
    action: str = "failed",
    original: str = "",
) -> bytes:
    """Return a delivery status notification to ``to``; ``original`` is the mail that it returns."""
    return (
        f"From: MAILER-DAEMON@relay.example\nTo: {to}\nMessage-ID: <{hash((to, code, action)):x}@relay.example>\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"
        f"Final-Recipient: rfc822; reader0@example.org\nAction: {action}\nStatus: {code}\n"
        f"Diagnostic-Code: smtp; {diagnosis}\n\n"
        f"--b\nContent-Type: message/rfc822\n\n{original}\n\n--b--\n"
    ).encode()


@dataclass
class Desk:
    """Takes what readers hand over; ``failures`` says how often the store is first to be busy."""

    store: SqlStore
    failures: int = 0
    taken: list[Taken] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def desk(self) -> BounceDesk:
        return BounceDesk(self.store, LINKS, PATHS, BouncePolicy(), lambda: PLANNED_AT, self._on_taken)

    def _on_taken(self, taken: Taken) -> None:
        self.taken.append(taken)
        self.arrived.set()

    async def __call__(self, data: bytes, envelope_recipients: Sequence[str], source: str) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreBusyError("the database is locked")
        await self.desk.take(read_returned(data, envelope_recipients), source)
