"""DKIM signatures (RFC 6376): relaxed/relaxed, one for each key, put before a message when nothing more will change."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from newsletter.mail.lines import CARRIAGE_RETURN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from newsletter.core.signing import SigningKey
    from newsletter.model import EmailAddress, Outcome
    from newsletter.ports import Transport
    from newsletter.ports.mail import Begin

OVERSIGNED: Final = (
    *("from", "to", "cc", "subject", "date", "reply-to", "message-id", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
"""Fields that are named once more than they occur, so that a second one, or a first, breaks the signature."""

SIGNED: Final = (
    *OVERSIGNED,
    *("content-transfer-encoding", "in-reply-to", "references", "list-id", "list-help", "list-owner", "list-archive"),
    *("list-post", "list-subscribe", "feedback-id", "auto-submitted"),
)
"""All that is signed where it occurs (RFC 6376, 5.4.1; RFC 8058, 4; Gmail on Feedback-ID). What relays on the way add
or change, Received and Return-Path above all, is not."""

_FIELD_END: Final = re.compile(rb"\r\n(?![ \t])")
_WHITE: Final = re.compile(rb"[ \t]+")
TAB: Final = 9
SPACE: Final = 32
_LINE: Final = 72  # characters of a line of h= and b=


class Signer:
    """Signs for ``domain`` with each key; ``clock`` gives the time of ``t=``."""

    def __init__(self, domain: str, keys: Sequence[SigningKey], clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._starts = [
            (key, f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed; d={domain};\r\n s={key.selector}; t=")
            for key in keys
        ]

    def sign(self, message: bytes) -> bytes:
        """Return a finished message (CRLF lines) with a signature by each key before its other fields."""
        head, _, body = message.partition(b"\r\n\r\n")
        named, data = signed_data(head)
        body_hash = b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode("ascii")
        rest = f"{int(self._clock().timestamp())};\r\n h={named};\r\n bh={body_hash};\r\n b="
        hashed = hashlib.sha256(data)
        return b"".join((*(self._field(key, start + rest, hashed.copy()) for key, start in self._starts), message))

    def _field(self, key: SigningKey, unsigned: str, hashed: hashlib._Hash) -> bytes:
        """Return the finished field; ``hashed`` has seen the signed fields, and sees this one without its b= last."""
        hashed.update(relaxed_field(unsigned.encode("ascii"))[1])
        signature = b64encode(key.sign(hashed.digest())).decode("ascii")
        lines = (signature[start : start + _LINE] for start in range(0, len(signature), _LINE))
        return (unsigned + "\r\n ".join(lines) + "\r\n").encode("ascii")


class SigningTransport:
    """Implements :class:`newsletter.ports.Transport` over another one: it signs what passes, last of all."""

    def __init__(self, transport: Transport, signer: Signer) -> None:
        self._transport = transport
        self._signer = signer

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        """Hand over the signed message and return the answer."""
        signed = self._signer.sign(message)
        return await self._transport.send(signed, sender, recipient, envelope_id=envelope_id, begin=begin)

    async def aclose(self) -> None:
        """End all connections politely."""
        await self._transport.aclose()


def signed_data(head: bytes) -> tuple[str, bytes]:
    """Return what h= names, folded, and the octets that a signature of a message's fields covers before its own field
    (RFC 6376, 3.7): each name's fields from the last to the first, as section 5.4.2 asks.
    """
    occurring: dict[str, list[bytes]] = {}
    for raw in reversed(_FIELD_END.split(head)):
        name, canonical = relaxed_field(raw)
        occurring.setdefault(name, []).append(canonical)
    data = b"".join([field + b"\r\n" for name in SIGNED for field in occurring.get(name, ())])
    return _named(tuple(len(occurring.get(name, ())) for name in SIGNED)), data


@lru_cache(maxsize=64)
def _named(counts: tuple[int, ...]) -> str:
    """Return the value of h= for how often each of the signed fields occurs."""
    names = [name for name, count in zip(SIGNED, counts, strict=True) for _ in range(count + (name in OVERSIGNED))]
    return "".join(_folded(names))


def _folded(names: Sequence[str]) -> Iterator[str]:
    length = 0
    for index, name in enumerate(names):
        text = f":{name}" if index else name
        if length and length + len(text) > _LINE:
            yield "\r\n  "
            length = 2
        yield text
        length += len(text)


@lru_cache(maxsize=1024)  # most fields are the same in all mails of a digest
def relaxed_field(raw: bytes) -> tuple[str, bytes]:
    """Return a field's name in lower case, and the field in relaxed form without its line end (RFC 6376, 3.4.2)."""
    name, _, value = raw.partition(b":")
    name = name.rstrip(b" \t").lower()
    value = _WHITE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.decode("ascii", "replace"), name + b":" + value


def relaxed_body(body: bytes) -> bytes:
    """Return a body of CRLF lines in relaxed form (RFC 6376, 3.4.4).

    NumPy looks at all octets at once: a regular expression for the white space would take ten times as long as the
    signature.
    """
    octets = np.frombuffer(body, np.uint8)
    is_tab = octets == TAB
    if is_tab.any():
        octets = np.where(is_tab, np.uint8(SPACE), octets)
        body = octets.tobytes()
    is_space = octets == SPACE
    # Of a run of spaces the last one stays, unless the line ends after it.
    goes = is_space[:-1] & (is_space[1:] | (octets[1:] == CARRIAGE_RETURN))
    if goes.any():
        body = octets[np.append(~goes, True)].tobytes()
    body = body.rstrip(b" ")
    if not body.endswith(b"\r\n"):
        return body + b"\r\n" if body else b""
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    return b"" if body == b"\r\n" else body
