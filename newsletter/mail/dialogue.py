"""The SMTP dialogue of one message on an open connection, with commands pipelined where the server allows it.

Pipelining (RFC 2920) halves the round trips of a message. aiosmtplib opens, secures and authenticates the connection
and then hands it over, because its reader expects one reply at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from newsletter.core.replies import SERVICE_CLOSING, classify
from newsletter.mail.envelope import commands
from newsletter.mail.lines import stuffed
from newsletter.model import Outcome, OutcomeKind, Step

if TYPE_CHECKING:
    from newsletter.mail.envelope import Envelope, Offer
    from newsletter.ports import Begin

REPLY_LIMIT: Final = 32 * 1024  # octets of unread replies; an honest server needs a few hundred
TEXT_LIMIT: Final = 500  # characters of a reply that are kept
ENDLESS: Final = "the server's reply does not end"
GO_AHEAD: Final = 354
PIECE: Final = 64 * 1024  # octets written at a time; below TLS more would be out of sight
RESET: Final = b"RSET\r\n"
CONTROLS: Final = re.compile(r"[\x00-\x20\x7f]+")


class Reply(NamedTuple):
    """A whole reply; the lines of its text are joined by spaces."""

    code: int
    text: str


class LostError(Exception):
    """The connection ended, or fell silent, before all replies had come; ``replies`` are those that did.

    ``is_written``: whether all that we wrote may have reached the server.
    """

    def __init__(self, reason: str, replies: list[Reply], *, is_written: bool = True) -> None:
        super().__init__(reason)
        self.replies = replies
        self.is_written = is_written


class Dialogue(asyncio.Protocol):
    """Writes commands and gathers as many replies as they must get. One exchange at a time."""

    def __init__(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._transport = transport
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._size = 0  # octets of the reply that is being read
        self._replies: list[Reply] = []
        self._expected = 0
        self._waiter: asyncio.Future[None] | None = None
        self._fault: str | None = None
        self._closed: asyncio.Future[None] = loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._timeouts_s = (0.0, 0.0)  # to take in what we write, and to answer it
        self._rest = memoryview(b"")  # what is still to be written
        self._is_paused = False
        self.needs_reset = False
        # We are told when more than one octet waits to be written, and when none does: so we know of a connection
        # that is lost whether the end of a message can have left us. (asyncio's TLS wants a limit above zero.)
        transport.set_write_buffer_limits(high=1, low=0)

    @property
    def is_usable(self) -> bool:
        """Whether, as far as we have heard, another message may be sent on it."""
        return self._fault is None and not self._transport.is_closing()

    def connection_info(self, name: str) -> Any:
        """Return what asyncio knows of the connection by this name, such as its ``ssl_object``, or None."""
        return self._transport.get_extra_info(name)

    async def exchange(self, data: bytes, expected: int, timeout_s: float) -> list[Reply]:
        """Write ``data`` and return the ``expected`` replies; LostError when they do not all come in time."""
        return await self._exchange(data, expected, timeout_s, timeout_s)

    async def hand_over(self, text: bytes, timeout_s: float, final_timeout_s: float) -> Reply:
        """Write a message's text with its final dot and return the answer to it.

        The server has ``timeout_s`` to take in each piece of the text, and ``final_timeout_s`` from then on to answer.
        LostError when it does not do so; its ``is_written`` tells whether the server may have got the final dot.
        """
        [reply] = await self._exchange(text, 1, timeout_s, final_timeout_s)
        if not self._is_written:
            self.part()  # it answered before it had read all: what it makes of the rest is anybody's guess
        return reply

    async def _exchange(self, data: bytes, expected: int, timeout_s: float, answer_timeout_s: float) -> list[Reply]:
        self._expected, self._replies, self._timeouts_s = expected, [], (timeout_s, answer_timeout_s)
        self._rest = memoryview(data)
        if self._fault is None:
            self._waiter = self._loop.create_future()
            self._write_on()
            try:
                await self._waiter
            finally:
                self._set_timer(None)
                self._waiter = None
        if len(self._replies) < expected:
            raise LostError(self._fault or "connection lost", self._replies, is_written=self._is_written)
        return self._replies

    @property
    def _is_written(self) -> bool:
        """Whether the last octet of what we had to say may have left us."""
        return not self._rest and not self._is_paused

    def pause_writing(self) -> None:
        """Note that the server does not take what we have written as fast as we write it."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Go on: all that we have written so far is on its way."""
        self._is_paused = False
        self._write_on()

    def _write_on(self) -> None:
        """Write until the server is slower than we are; from the last octet on we wait for the answer."""
        while self._rest and not self._is_paused and self._fault is None:
            piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
            self._transport.write(piece)
        if self._waiter is None:
            return
        taking_s, answering_s = self._timeouts_s
        if self._is_written:
            self._set_timer(answering_s, f"no answer within {answering_s:g} seconds")
        else:
            self._set_timer(taking_s, f"not taken in within {taking_s:g} seconds")

    def _set_timer(self, timeout_s: float | None, reason: str = "") -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if timeout_s is None else self._loop.call_later(timeout_s, self._fail, reason)

    async def quit(self, timeout_s: float) -> None:
        """End the connection politely, or at least end it."""
        try:
            if self.is_usable:
                await self.exchange(b"QUIT\r\n", 1, timeout_s)
        except LostError:
            pass  # it is ended either way
        finally:
            self.part()
        await asyncio.wait([self._closed], timeout=timeout_s)

    def part_politely(self) -> None:
        """Say QUIT and close without waiting for the answer."""
        if self.is_usable:
            self._transport.write(b"QUIT\r\n")
        self.part()

    def part(self) -> None:
        """Close the connection without waiting for anybody."""
        self._fault = self._fault or "closed by us"
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take in a piece of the server's side."""
        self._buffer += data
        while self._fault is None and (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._take_line(line)
        if len(self._buffer) > REPLY_LIMIT:
            self._fail(ENDLESS)

    def eof_received(self) -> bool:
        """Close when the server does."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits that nothing more will come."""
        if not self._closed.done():
            self._closed.set_result(None)
        self._fail(f"connection lost: {exc}" if exc else "connection closed by the server")

    def _take_line(self, line: bytes) -> None:
        code = line[:3]
        if not (code.isdigit() and line[3:4] in (b" ", b"-", b"", b"\r")):
            self._fail(f"not an SMTP reply: {readable(line)}")
            return
        self._lines.append(readable(line[4:]))
        self._size += len(line)
        if self._size > REPLY_LIMIT:
            self._fail(ENDLESS)
            return
        if line[3:4] == b"-":
            return
        reply = Reply(int(code), " ".join(self._lines)[:TEXT_LIMIT])
        self._lines, self._size = [], 0
        if self._waiter is None or len(self._replies) == self._expected:
            # Nobody asked: a server that says good-bye to an idle connection. What was answered before stands.
            self._fault = self._fault or f"the server ended the session: {reply.code} {reply.text}"
            self._transport.close()
            return
        self._replies.append(reply)
        if len(self._replies) == self._expected and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, reason: str) -> None:
        self._fault = self._fault or reason
        self._transport.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def submit(
    dialogue: Dialogue, offer: Offer, message: bytes, envelope: Envelope, begin: Begin | None = None
) -> Outcome:
    """Hand over one message and return what became of it; ``begin`` is asked before the first octet of its text.

    LostError when the connection ended before the message's text was begun: then nothing was sent, and the caller
    may try again on another connection.
    """
    opening = commands(offer, message, envelope)
    if isinstance(opening, Outcome):
        return opening
    try:
        refusal = await _open_envelope(dialogue, offer, opening)
    except LostError as lost:
        if not lost.replies or lost.replies[-1].code < 400:  # noqa: PLR2004 (no refusal among them, only silence)
            raise
        refusal = _first_refusal(lost.replies)
    if refusal is not None:
        dialogue.needs_reset = True
        return _conclude(dialogue, refusal)
    if begin is not None and not await begin():
        dialogue.part()  # the server waits for a text that does not come
        return Outcome(OutcomeKind.DEFERRED, None, "not sent: it is no longer ours to send")
    try:
        reply = await dialogue.hand_over(stuffed(message), offer.timeout_s, offer.final_timeout_s)
    except LostError as lost:
        if not lost.is_written:
            return Outcome(OutcomeKind.DEFERRED, None, f"before the final dot: {lost}", step=Step.DATA)
        return Outcome(OutcomeKind.DEFERRED, None, f"after the final dot: {lost}", is_unknown=True, step=Step.DOT)
    return _conclude(dialogue, classify(Step.DOT, *reply))


async def _open_envelope(dialogue: Dialogue, offer: Offer, opening: list[bytes]) -> Outcome | None:
    """Return None when the server waits for the text, or why it will not have it."""
    if "pipelining" in offer.extensions:
        replies = await _in_one_flight(dialogue, opening, offer.timeout_s)
    else:
        if dialogue.needs_reset:
            await dialogue.exchange(RESET, 1, offer.timeout_s)
        replies = await _one_by_one(dialogue, opening, offer.timeout_s)
    dialogue.needs_reset = False
    refusal = _first_refusal(replies)
    if refusal is not None and replies[-1].code == GO_AHEAD:
        # RFC 2920 section 3.1: a server may ask for the text although it took no recipient; a lone dot ends that.
        with contextlib.suppress(LostError):
            await dialogue.exchange(b".\r\n", 1, offer.timeout_s)
    return refusal


async def _in_one_flight(dialogue: Dialogue, opening: list[bytes], timeout_s: float) -> list[Reply]:
    lead = [RESET] if dialogue.needs_reset else []
    try:
        replies = await dialogue.exchange(b"".join(lead + opening), len(lead + opening), timeout_s)
    except LostError as lost:
        raise LostError(str(lost), lost.replies[len(lead) :]) from None
    return replies[len(lead) :]


async def _one_by_one(dialogue: Dialogue, opening: list[bytes], timeout_s: float) -> list[Reply]:
    replies: list[Reply] = []
    for command in opening:
        try:
            replies += await dialogue.exchange(command, 1, timeout_s)
        except LostError as lost:
            raise LostError(str(lost), replies + lost.replies) from None
        if _first_refusal(replies) is not None:
            break
    return replies


def _first_refusal(replies: list[Reply]) -> Outcome | None:
    for step, reply in zip((Step.MAIL, Step.RCPT, Step.DATA), replies, strict=False):
        if reply.code != GO_AHEAD if step is Step.DATA else not 200 <= reply.code < 300:  # noqa: PLR2004 (RFC 5321)
            return classify(step, *reply)
    return None


def _conclude(dialogue: Dialogue, outcome: Outcome) -> Outcome:
    """Return ``outcome``, having closed a connection that is not to be used again."""
    if outcome.code == SERVICE_CLOSING:
        dialogue.part()
    return outcome


def readable(line: bytes) -> str:
    """Return a reply's line as text that is safe to log and show."""
    return CONTROLS.sub(" ", line[:TEXT_LIMIT].decode("utf-8", "replace")).strip()
