"""Finished messages: both parts encoded once per digest, joined per recipient in microseconds."""

from __future__ import annotations

import binascii
import hashlib
import secrets
from dataclasses import dataclass
from email.utils import format_datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from markupsafe import escape

from newsletter.core.printable import one_line
from newsletter.mail import headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from newsletter.mail.brand import Brand

_SOFT_BREAK = b"=\r\n"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Placeholders:
    """Stand-ins for what differs between the recipients of one digest: letters and digits that no filter changes and
    nobody can guess, cut out again once the template is filled.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._token = f"{secrets.randbelow(10**16):016}"  # digits, which have no capitals
        self._stand_ins = {name: f"zq{self._token}{index}qz" for index, name in enumerate(names)}

    def values(self) -> dict[str, str]:
        """Return each name with its stand-in."""
        return dict(self._stand_ins)

    def split(self, text: str) -> list[str]:
        """Return text and names in turn, beginning and ending with text; ValueError where a stand-in was changed."""
        names = {stand_in: name for name, stand_in in self._stand_ins.items()}
        head, length = f"zq{self._token}", len(self._token) + 5
        first, *others = text.split(head)
        parts = [first]
        for other in others:
            stand_in = head + other[: length - len(head)]
            parts += (names.get(stand_in, stand_in), other[length - len(head) :])
        if any(self._token in part for part in parts):
            message = "a value that differs between recipients was changed by a filter"
            raise ValueError(message)
        return parts


def quoted_printable(text: str) -> bytes:
    """Return ``text`` as quoted-printable lines of at most 76 characters, ended by CRLF (RFC 2045, 6.7)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    # Its soft breaks are bare line feeds, so that all line ends are put right at the end, and only there.
    return binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True).replace(b"\n", b"\r\n")


class Part:
    """One body part, encoded but for its placeholders; each of those gets a soft-broken line of its own."""

    def __init__(self, pieces: list[str], *, is_html: bool) -> None:
        self._pieces = pieces
        self._is_html = is_html
        self._names = pieces[1::2]

    @cached_property
    def _encoded(self) -> list[bytes]:
        return [quoted_printable(piece) for piece in self._pieces[::2]]

    @property
    def names(self) -> frozenset[str]:
        """The placeholders that occur in it."""
        return frozenset(self._names)

    def fingerprint(self) -> bytes:
        """Return what is equal for equal parts, however the stand-ins looked."""
        return b"\x00".join(self._encoded) + "\x00".join(self._names).encode()

    def text(self, values: Mapping[str, str]) -> str:
        """Return the part as a reader's program decodes it."""
        filled = list(self._pieces)
        filled[1::2] = [self._shown(values[name]) for name in self._names]
        return "".join(filled)

    def encoded(self, values: Mapping[str, str]) -> bytes:
        """Return the part as it is sent."""
        shown = {name: quoted_printable(self._shown(value)) for name, value in values.items()}
        chunks = [self._encoded[0]]
        for name, following in zip(self._names, self._encoded[1:], strict=True):
            chunks += (_SOFT_BREAK, shown[name], _SOFT_BREAK, following)
        return b"".join(chunks)

    def _shown(self, value: str) -> str:
        return str(escape(value)) if self._is_html else value


@dataclass(frozen=True, slots=True)
class Recipient:
    """What one recipient's message holds that no other's does."""

    address: str
    unsubscribe_url: str
    values: Mapping[str, str]


class Envelope:
    """A digest's message, but for the recipient: compose it any number of times."""

    def __init__(self, brand: Brand, subject: str, text: Part, html: Part) -> None:
        self._brand, self._text, self._html = brand, text, html
        digest = hashlib.sha256(text.fingerprint() + b"\x00\x00" + html.fingerprint()).hexdigest()[:32]
        boundary = f"=_{digest}"  # "=_" stands in no quoted-printable text (RFC 2045, 6.7)
        self._fixed = _fixed_headers(brand, subject, boundary)
        self._before_text = _part_start(boundary, "text/plain")
        self._before_html = b"\r\n" + _part_start(boundary, "text/html")
        self._after = f"\r\n--{boundary}--\r\n".encode()

    def compose(self, recipient: Recipient, message_id: str, now: datetime) -> bytes:
        """Return the message: CRLF lines, none over 998 octets; the same each time but for its Date."""
        return b"".join(
            (
                headers.plain("Date", format_datetime(now)),
                headers.plain("Message-ID", f"<{one_line(message_id).strip('<> ')}>"),
                headers.mailbox("To", "", recipient.address),
                unsubscribe_headers(recipient.unsubscribe_url, self._brand.unsubscribe_address),
                self._fixed,
                self._before_text,
                self._text.encoded(recipient.values),
                self._before_html,
                self._html.encoded(recipient.values),
                self._after,
            )
        )


def unsubscribe_headers(url: str, address: str) -> bytes:
    """Return List-Unsubscribe (RFC 2369) and, where a POST to ``url`` does it, List-Unsubscribe-Post (RFC 8058).

    RFC 8058, 3.1 asks for HTTPS. Plain HTTP counts only on the loopback: that mail never leaves the machine, and a
    trial should show what a real installation sends. Any other plain HTTP address stays a link to click.
    """
    targets = [url] if url else []
    if address:
        targets.append(f"mailto:{address}?subject=unsubscribe")
    if not targets:
        return b""
    one_click = headers.plain("List-Unsubscribe-Post", "List-Unsubscribe=One-Click") if _takes_post(url) else b""
    return headers.uris("List-Unsubscribe", targets) + one_click


def _takes_post(url: str) -> bool:
    if url.startswith("https://"):
        return True
    try:
        return url.startswith("http://") and urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False


def _fixed_headers(brand: Brand, subject: str, boundary: str) -> bytes:
    domain = brand.sender.rpartition("@")[2] or "localhost"
    fields = [
        headers.mailbox("From", brand.sender_name or brand.name, brand.sender),
        headers.mailbox("Reply-To", "", brand.reply_to) if brand.reply_to else b"",
        headers.unstructured("Subject", subject),
        headers.list_id(brand.name, brand.list_id or f"newsletter.{domain}"),
        headers.uris("List-Owner", [f"mailto:{brand.contact}"]) if "@" in brand.contact else b"",
        headers.plain("Auto-Submitted", "auto-generated"),  # RFC 3834, 5
        headers.plain("Precedence", "bulk"),
        headers.plain("X-Auto-Response-Suppress", "All"),
        headers.plain("MIME-Version", "1.0"),
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode(),
    ]
    return b"".join(fields) + b"\r\n"


def _part_start(boundary: str, media_type: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Type: {media_type}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()
