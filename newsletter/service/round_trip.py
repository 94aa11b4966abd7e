"""A mail to an address of one's own, and what is known of its arrival."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from newsletter.core.arrival import Arrival, judge_arrival
from newsletter.core.findings import Finding, Level, ok, problem
from newsletter.errors import ReadingError
from newsletter.model import OutcomeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.model import EmailAddress
    from newsletter.ports import Transport


class Inbox(Protocol):
    """The mailbox in which an address's mail arrives."""

    @property
    def place(self) -> str:
        """What it is called."""

    @property
    def look_every_s(self) -> float:
        """How many seconds to wait between two looks."""

    @property
    def late_advice(self) -> str:
        """What to do besides when a mail does not come, or empty."""

    async def find(self, message_id: str) -> tuple[str, bytes] | None:
        """Return the folder and the beginning of the mail with this id, or None while it is not there.

        ReadingError, in one line, when that cannot be told.
        """

    async def aclose(self) -> None:
        """Let go of everything."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A finished mail, from whom and to whom it goes."""

    message: bytes
    message_id: str
    sender: str
    recipient: EmailAddress


async def send_round(
    transport: Transport,
    letter: Letter,
    inbox: Inbox | None,
    wait_s: float,
    on_wait: Callable[[float], None] = lambda _: None,
) -> list[Finding]:
    """Send a mail, wait until it arrives, for at most ``wait_s`` seconds, and return what is to be said of its way.

    ``on_wait`` hears how many seconds more have passed. Without an inbox nobody waits, and the findings say so.
    """
    begun = asyncio.get_running_loop().time()
    outcome = await transport.send(letter.message, letter.sender, letter.recipient)
    said = f"{outcome.code or ''} {outcome.text}".strip()
    if outcome.kind is not OutcomeKind.ACCEPTED:
        message = f"the mail to {letter.recipient} was {outcome.kind}: {said}"
        return [problem("delivery", message, "do what the answer says")]
    taken = f"the relay took the mail to {letter.recipient}: {said}"
    if inbox is None:
        advice = (
            "whether it arrives is not known here: look for it, and for spf, dkim and dmarc in its "
            "Authentication-Results; or name its mailbox with --maildir, or send to bounces.address and let it be read "
            "from bounces.maildir or bounces.imap"
        )
        return [Finding("delivery", Level.OK, taken, advice)]
    try:
        arrival = await _arrival(inbox, letter.message_id, begun, wait_s, on_wait)
    except ReadingError as error:
        message, _, advice = str(error).partition(" — ")
        return [ok("delivery", taken), problem("arrival", message, advice)]
    finally:
        await inbox.aclose()
    if arrival is None:
        advice = "look into the relay's log and queue and into spam folders, or wait longer: --wait SECONDS"
        advice = f"{advice}; or {inbox.late_advice}" if inbox.late_advice else advice
        late = problem("arrival", f"it did not come to {inbox.place} within {wait_s:g} s", advice)
        return [ok("delivery", taken), late]
    return [ok("delivery", taken), *judge_arrival(arrival)]


async def _arrival(
    inbox: Inbox, message_id: str, begun: float, wait_s: float, on_wait: Callable[[float], None]
) -> Arrival | None:
    now = asyncio.get_running_loop().time
    until, seen = now() + wait_s, now()
    while True:
        if (found := await inbox.find(message_id)) is not None:
            folder, content = found
            return Arrival(content, folder, now() - begun)
        if now() >= until:
            return None
        await asyncio.sleep(min(inbox.look_every_s, max(until - now(), 0.0)))
        on_wait(now() - seen)
        seen = now()
