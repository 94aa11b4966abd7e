"""Bounds on work: anybody may send anything to an address for bounces."""

from __future__ import annotations

import email
import re
from email.message import Message
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE_LIMIT: Final = 512 * 1024  # octets; what tells of the failure stands at the beginning of a report
LINE_LIMIT: Final = 2000  # octets; RFC 5322 allows 998
PART_LIMIT: Final = 100
TEXT_LIMIT: Final = 500  # characters of a diagnosis that are kept
MARKS: Final = re.compile(rb"^content-type:", re.IGNORECASE | re.MULTILINE)


def parse(data: bytes) -> Message:
    """Return a message of bounded size, line length and depth; what is beyond the bounds is left out.

    The parser of the standard library calls itself for each level, and levels need headers of their own: with more of
    them than :data:`PART_LIMIT`, the whole is taken for plain text.
    """
    lines = [line[:LINE_LIMIT] for line in data[:SIZE_LIMIT].splitlines()]
    edges = [number for number, line in enumerate(lines) if line.startswith(b"--")]  # where a part may begin
    kept = b"\n".join(lines[: edges[PART_LIMIT]] if len(edges) > PART_LIMIT else lines)
    if len(MARKS.findall(kept)) > PART_LIMIT:
        head = re.split(rb"\n\n", kept, maxsplit=1)[0]
        kept = b"\n".join(line for line in head.split(b"\n") if not MARKS.match(line)) + b"\n\n"
    return email.message_from_bytes(kept)


def parts(message: Message) -> Iterator[Message]:
    """Yield a message's parts, itself first, at most :data:`PART_LIMIT` of them."""
    for number, part in enumerate(message.walk()):
        if number >= PART_LIMIT:
            return
        yield part


def children(part: Message) -> list[Message]:
    """Return the parts that a part holds itself."""
    payload = part.get_payload() if part.is_multipart() else []
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def text_of(part: Message) -> str:
    """Return what a part says, however it is encoded; empty for what holds parts of its own."""
    if part.is_multipart():
        return ""
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def field(part: Message, name: str) -> str:
    """Return a field's value on one line without control characters, empty when it is not there."""
    try:
        value = str(part.get(name, ""))
    except (ValueError, IndexError, UnicodeError):  # what the standard library says of some encodings
        return ""
    return one_line(value)


def fields(part: Message, name: str) -> list[str]:
    """Return every value of a field, as :func:`field` does."""
    return [one_line(str(value)) for value in part.get_all(name, [])[:PART_LIMIT]]


def one_line(text: str) -> str:
    """Return ``text`` on one line and readable, cut at some length."""
    words = text[: 4 * TEXT_LIMIT].encode("utf-8", "replace").decode().split()
    return "".join(character for character in " ".join(words) if character.isprintable())
