"""Finished messages: both parts encoded once per digest, joined per recipient in microseconds."""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from markupsafe import escape

from newsletter.mail import headers
from newsletter.mail.layout import Layout
from newsletter.mail.lists import feedback_id, list_headers, unsubscribe_headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from newsletter.mail.brand import Brand

_SOFT_BREAK = b"=\r\n"
_LONGEST = 75  # characters of a quoted-printable line before its soft break
_AS_TEXT, _AS_HTML = 0, 1


def quoted_printable(text: str) -> bytes:
    """Return ``text`` as quoted-printable lines of at most 76 characters, ended by CRLF (RFC 2045, 6.7)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    # Its soft breaks are bare line feeds, so that all line ends are put right at the end, and only there.
    return binascii.b2a_qp(lines.encode("utf-8", "replace"), istext=True).replace(b"\n", b"\r\n")


def soft_ended(encoded: bytes) -> bytes:
    """Return quoted-printable text that goes on: a soft break at its end, and still no line over 76 characters."""
    if len(encoded) - encoded.rfind(b"\n") - 1 > _LONGEST:
        octet = encoded.rfind(b"=", len(encoded) - 3)  # =C3 must not be taken apart
        cut = octet if octet >= 0 else len(encoded) - 1
        encoded = encoded[:cut] + _SOFT_BREAK + encoded[cut:]
    return encoded + _SOFT_BREAK


class Part:
    """One body part, encoded but for its placeholders; each of those gets soft-broken lines of its own."""

    def __init__(self, pieces: Sequence[str], *, is_html: bool) -> None:
        self._pieces = pieces
        self._is_html = is_html
        self._names = list(pieces[1::2])

    @cached_property
    def encoded_pieces(self) -> list[bytes]:
        """What stands before, between and after the placeholders; all but the last end with a soft break."""
        *others, last = [quoted_printable(piece) for piece in self._pieces[::2]]
        return [*map(soft_ended, others), last]

    @property
    def order(self) -> list[str]:
        """The placeholders, each as often as it occurs."""
        return self._names

    @property
    def names(self) -> frozenset[str]:
        """The placeholders that occur in it."""
        return frozenset(self._names)

    def fingerprint(self) -> bytes:
        """Return what is equal for equal parts, however the stand-ins looked."""
        return b"\x00".join(self.encoded_pieces) + "\x00".join(self._names).encode()

    def text(self, values: Mapping[str, str]) -> str:
        """Return the part as a reader's program decodes it."""
        filled = list(self._pieces)
        filled[1::2] = [self._shown(values[name]) for name in self._names]
        return "".join(filled)

    def encoded(self, values: Mapping[str, str]) -> bytes:
        """Return the part as it is sent."""
        form = _AS_HTML if self._is_html else _AS_TEXT
        chunks = [self.encoded_pieces[0]]
        for name, following in zip(self._names, self.encoded_pieces[1:], strict=True):
            chunks += (_on_its_own_lines(values[name])[form], following)
        return b"".join(chunks)

    def _shown(self, value: str) -> str:
        return str(escape(value)) if self._is_html else value


@dataclass(slots=True)  # not frozen, which would take thrice the time: there is one for each mail
class Recipient:
    """What one recipient's message holds that no other's does; ``unsubscribe_url`` is for its header."""

    address: str
    unsubscribe_url: str
    values: Mapping[str, str]


class Envelope:
    """A digest's message, but for the recipient: compose it any number of times.

    ``campaign`` tells mails of one kind from those of another in the providers' reports (Feedback-ID); nothing in it
    may differ between recipients. Only mails of a list (``is_list``) say so in their header, and how to leave it.
    """

    def __init__(
        self, brand: Brand, subject: str, text: Part, html: Part, *campaign: str, is_list: bool = True
    ) -> None:
        self._unsubscribe_address = brand.unsubscribe_address
        self._is_list = is_list
        digest = hashlib.sha256(text.fingerprint() + b"\x00\x00" + html.fingerprint()).hexdigest()[:32]
        boundary = f"=_{digest}"  # "=_" stands in no quoted-printable text (RFC 2045, 6.7)
        start = _fixed_headers(brand, subject, boundary, campaign, is_list=is_list)
        start += _part_start(boundary, "text/plain")
        between = b"\r\n" + _part_start(boundary, "text/html")
        pieces, slots = _joined(start, _slotted(text, _AS_TEXT), between, _slotted(html, _AS_HTML))
        pieces[-1] += f"\r\n--{boundary}--\r\n".encode()
        names = list(dict.fromkeys(name for name, _ in slots))
        self._own, self._shared = ([each for each in names if (each in _SHARED) is shared] for shared in (False, True))
        self._pieces, self._slots = pieces, slots

    def compose(self, recipient: Recipient, message_id: str, now: datetime) -> bytes:
        """Return the message: CRLF lines, none over 998 octets; the same each time but for its Date."""
        value_of = recipient.values.__getitem__
        own, shared = tuple(map(value_of, self._own)), tuple(map(value_of, self._shared))
        lines = [self._own_headers(recipient, message_id, now), *_remembered_lines(shared)]
        if plain := _plain_lines(own):
            return self._plain_layout.filled(lines + plain)
        return self._layout.filled(lines + _lines(own))

    @cached_property
    def _plain_layout(self) -> Layout:
        """The message where the recipient's own values look the same in text and HTML."""
        return self._laid_out((_AS_TEXT,))

    @cached_property
    def _layout(self) -> Layout:
        return self._laid_out((_AS_TEXT, _AS_HTML))

    def _laid_out(self, forms: tuple[int, ...]) -> Layout:
        """Return the layout for the headers, the shared values in both forms, and the recipient's own in these."""
        slots = [(name, form) for form in (_AS_TEXT, _AS_HTML) for name in self._shared]
        slots += [(name, form) for form in forms for name in self._own]
        numbers = {slot: number for number, slot in enumerate(slots, start=1)}
        found = [numbers.get(slot) or numbers[slot[0], _AS_TEXT] for slot in self._slots]
        return Layout([b"", *self._pieces], [0, *found])

    def _own_headers(self, recipient: Recipient, message_id: str, now: datetime) -> bytes:
        """Return the fields that differ between recipients; ordinary values are filled in as they stand."""
        date, url = _date(int(now.timestamp())), recipient.unsubscribe_url
        is_ordinary = self._is_list and not self._unsubscribe_address
        if is_ordinary and _ORDINARY.fullmatch(f"{message_id} {recipient.address} {url}"):
            return (
                f"Date: {date}\r\nMessage-ID: {message_id}\r\nTo: {recipient.address}\r\n"
                f"List-Unsubscribe: <{url}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
            ).encode("ascii")
        return b"".join(
            (
                headers.plain("Date", date),
                headers.message_id(message_id),
                headers.mailbox("To", "", recipient.address),
                unsubscribe_headers(url, self._unsubscribe_address) if self._is_list else b"",
            )
        )


Slot = tuple[str, int]  # the name of a placeholder, and in which form its value is printed


def _slotted(part: Part, form: int) -> tuple[list[bytes], list[Slot]]:
    """Return a part's pieces, and what stands between them."""
    return list(part.encoded_pieces), [(name, form) for name in part.order]


def _joined(
    start: bytes, text: tuple[list[bytes], list[Slot]], between: bytes, html: tuple[list[bytes], list[Slot]]
) -> tuple[list[bytes], list[Slot]]:
    """Return the pieces of a message and the slots between them, where both parts' pieces and slots are given."""
    first, *others = text[0]
    pieces = [start + first, *others]
    pieces[-1] += between + html[0][0]
    return [*pieces, *html[0][1:]], [*text[1], *html[1]]


# Message-ID, address and link that need neither folding nor cleaning: what headers.* would make of them.
_ORDINARY = re.compile(
    r"<[A-Za-z0-9._+-]{1,100}@[A-Za-z0-9.-]{1,100}> "
    r"[A-Za-z0-9.!#$&'*+/^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,180} "
    r"https://[A-Za-z0-9._~:/@+-]{1,900}"
)


@lru_cache(maxsize=16)  # mails of one second share it
def _date(timestamp: int) -> str:
    return format_datetime(datetime.fromtimestamp(timestamp, UTC))


# By quoted-printable, and in HTML.
_UNCHANGED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@:/?._~%+,;!$()*-"
_SHORT = 2 * _LONGEST


def _plain_lines(values: tuple[str, ...]) -> list[bytes]:
    """Return the values as :func:`_on_its_own_lines` does, where they are short and the same in text and HTML; else
    nothing.
    """
    octets = "\0".join(values).encode("utf-8", "replace")
    if len(octets.translate(None, _UNCHANGED)) >= len(values) or max(map(len, values)) > _LONGEST:
        return []
    return (octets.replace(b"\0", _SOFT_BREAK + b"\0") + _SOFT_BREAK).split(b"\0")


def _lines(values: tuple[str, ...]) -> list[bytes]:
    """Return the values as :func:`_on_its_own_lines` does: all of them for text, and then for HTML."""
    return [line[form] for form in (_AS_TEXT, _AS_HTML) for line in map(_on_its_own_lines, values)]


_remembered_lines = lru_cache(maxsize=2048)(_lines)


def _on_its_own_lines(value: str) -> tuple[bytes, bytes]:
    """Return a value for the middle of a line of text and of HTML, between two soft breaks: so what stands around it
    need not be encoded anew.
    """
    octets = value.encode("utf-8", "replace")
    if 0 < len(octets) <= _SHORT and not octets.translate(None, _UNCHANGED):
        if len(octets) > _LONGEST:
            octets = octets[:_LONGEST] + _SOFT_BREAK + octets[_LONGEST:]
        both = octets + _SOFT_BREAK
        return both, both
    return soft_ended(quoted_printable(value)), soft_ended(quoted_printable(str(escape(value))))


_SHARED = frozenset({"schedule", "subscription"})  # values that many recipients have in common


def _fixed_headers(brand: Brand, subject: str, boundary: str, campaign: tuple[str, ...], *, is_list: bool) -> bytes:
    fields = [
        headers.mailbox("From", brand.sender_name or brand.name, brand.sender),
        headers.mailbox("Reply-To", "", brand.reply_to) if brand.reply_to else b"",
        headers.unstructured("Subject", subject),
        list_headers(brand) if is_list else b"",
        feedback_id(brand, *campaign),
        headers.plain("Auto-Submitted", "auto-generated"),  # RFC 3834, 5
        headers.plain("Precedence", "bulk") if is_list else b"",
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
