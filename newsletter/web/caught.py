"""Reads what the mail catcher keeps: a Maildir of messages, in any state of repair."""

from __future__ import annotations

import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = re.compile(r"[A-Za-z0-9_=,+%-][A-Za-z0-9._=,+%-]*")
READ_LIMIT: Final = 30 * 2**20  # octets; above what the catcher takes
HEAD_LIMIT: Final = 256 * 1024  # octets in which a message's headers are looked for


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """A line of the list. ``size`` is in octets; ``caught_at`` is in UTC."""

    id: str
    subject: str
    recipient: str
    caught_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class CaughtMessage:
    """A whole mail, its parts decoded as far as they can be. ``html`` or ``text`` is None when it has no such part."""

    mail: CaughtMail
    sender: str
    date: str
    headers: tuple[tuple[str, str], ...]
    html: str | None
    text: str | None
    source: bytes


def list_caught(maildir: Path, limit: int, before: str = "") -> tuple[list[CaughtMail], bool]:
    """Return the newest mails caught before the one named ``before``, and whether there are older ones still."""
    names = sorted(_files(maildir), key=_moment, reverse=True)
    if before:
        names = [name for name in names if _moment(name) < _moment(before)]
    files = _files(maildir)
    mails = [mail for name in names[:limit] if (mail := _head(name, files[name])) is not None]
    return mails, len(names) > limit


def read_caught(maildir: Path, mail_id: str) -> CaughtMessage | None:
    """Return a mail by its id, or None when there is none: an id is compared, never made into a path."""
    path = _files(maildir).get(mail_id) if NAME.fullmatch(mail_id) else None
    head = _head(mail_id, path) if path is not None else None
    if path is None or head is None:
        return None
    with path.open("rb") as file:
        source = file.read(READ_LIMIT)
    message = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(source)
    return CaughtMessage(
        mail=head,
        sender=_header(message, "From"),
        date=_header(message, "Date"),
        headers=_raw_headers(source),
        html=_part(message, "html"),
        text=_part(message, "plain"),
        source=source,
    )


def _files(maildir: Path) -> dict[str, Path]:
    """Return the messages' files by id; readers of mail rename them (``:2,S``), which does not change the id."""
    found: dict[str, Path] = {}
    for folder in ("new", "cur"):
        if (maildir / folder).is_dir():
            found |= {path.name.partition(":")[0]: path for path in (maildir / folder).iterdir()}
    return {name: path for name, path in found.items() if NAME.fullmatch(name)}


def _moment(name: str) -> tuple[int, int, int, str]:
    """Return what orders Maildir names by time: seconds, microseconds and number within the process."""
    seconds, _, rest = name.partition(".")
    micro = re.match(r"M(\d+)", rest)
    number = re.search(r"Q(\d+)", rest)
    return (
        int(seconds) if seconds.isdecimal() else 0,
        int(micro.group(1)) if micro else 0,
        int(number.group(1)) if number else 0,
        name,
    )


def _head(name: str, path: Path) -> CaughtMail | None:
    try:
        status = path.stat()
        with path.open("rb") as file:
            head = file.read(HEAD_LIMIT)
    except OSError:  # a reader moved or deleted it since the folder was listed
        return None
    message = BytesHeaderParser(EmailMessage, policy=email.policy.default).parsebytes(head)
    return CaughtMail(
        id=name,
        subject=_header(message, "Subject") or "(no subject)",
        recipient=_header(message, "Delivered-To") or _header(message, "To"),
        caught_at=datetime.fromtimestamp(_moment(name)[0] or status.st_mtime, UTC),
        size=status.st_size,
    )


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # noqa: BLE001 (the parser of the standard library raises all sorts on broken headers)
        return "(unreadable)"


def _raw_headers(source: bytes) -> tuple[tuple[str, str], ...]:
    """Return the headers as they stand, folded lines and encoded words included."""
    head = re.split(rb"\r?\n\r?\n", source, maxsplit=1)[0].decode("utf-8", "replace").replace("\r\n", "\n")
    lines = re.sub(r"\n(?=[ \t])", "\0", head).split("\n")
    pairs = [line.replace("\0", "\n").partition(":") for line in lines if line]
    return tuple((name, value.strip()) for name, _, value in pairs)


def _part(message: EmailMessage, subtype: str) -> str | None:
    try:
        part = message.get_body((subtype,))
        if part is None:
            return None
        payload = part.get_payload(decode=True)
    except Exception:  # noqa: BLE001 (as above)
        return None
    if not isinstance(payload, bytes):
        return None
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a charset that nobody knows
        return payload.decode("utf-8", "replace")
