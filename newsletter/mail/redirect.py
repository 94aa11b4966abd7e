"""Staging: every mail to one address, whoever it is meant for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from newsletter.mail import headers
from newsletter.model import OutcomeKind

if TYPE_CHECKING:
    from newsletter.model import EmailAddress, Outcome
    from newsletter.ports import Transport
    from newsletter.ports.mail import Begin

INTENDED: Final = "X-Intended-To"  # a name that no mail server writes, as many do X-Original-To


class RedirectedTransport:
    """Implements :class:`newsletter.ports.Transport` over another that is given ``address`` alone.

    Who a mail is meant for stands in its header and, with the mail itself, nowhere else. What comes of it says nothing
    about them: it comes back to ``sender``, not to a return path that names the delivery, and a refusal waits instead
    of ending in a bounce.
    """

    def __init__(self, transport: Transport, address: EmailAddress, sender: str) -> None:
        self._transport = transport
        self._address = address
        self._sender = sender

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        """Hand over one finished message to the one address, and return what came of it."""
        del sender, envelope_id
        marked = headers.unstructured(INTENDED, recipient.wire) + message
        outcome = await self._transport.send(marked, self._sender, self._address, begin=begin)
        return of_redirected(outcome, self._address)

    async def aclose(self) -> None:
        """End all connections politely."""
        await self._transport.aclose()


def of_redirected(outcome: Outcome, address: EmailAddress) -> Outcome:
    """Return what an outcome says when another than the recipient was written to: nothing about the recipient."""
    said = f"redirected to {address}: {outcome.text}"
    if outcome.kind is OutcomeKind.ACCEPTED or outcome.is_unknown:
        return replace(outcome, text=said)
    if outcome.code is None:  # the relay's trouble is the same whoever is written to
        return replace(outcome, text=said, kind=OutcomeKind.DEFERRED)
    text = f"redirected to {address}: {outcome.code} {outcome.text}"
    return replace(outcome, kind=OutcomeKind.DEFERRED, code=None, enhanced_code=None, step=None, text=text)
