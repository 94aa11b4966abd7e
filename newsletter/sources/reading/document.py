"""Which format a document has, and its characters, before any parser sees it."""

from __future__ import annotations

import codecs
import html.entities
import re
from dataclasses import dataclass
from typing import Final

BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
DECLARED: Final = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
# XML 1.0, section 2.2: what no document may hold; one such byte would make the whole feed ill-formed.
FORBIDDEN: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])
REFERENCE: Final = re.compile(r"&(?:#(?:[0-9]{1,20}|[xX][0-9A-Fa-f]{1,20})|[A-Za-z][A-Za-z0-9]{1,31});")
XML_NAMES: Final = frozenset({"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"})
ROOT: Final = re.compile(r"<([A-Za-z_][\w.:-]*)")
SUBSET_END: Final = re.compile(r"\]\s*>")


class NotAFeedError(Exception):
    """A document is no feed; the text says what it is instead."""


@dataclass(frozen=True, slots=True)
class Xml:
    """An XML document without its prolog: ``text`` begins with the element named ``root``."""

    text: str
    root: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A document's characters, and what was odd about them."""

    text: str
    note: str = ""


def decode(body: bytes, http_charset: str | None) -> Decoded:
    """Return the characters of ``body``.

    Bytes that are valid UTF-8 beyond ASCII are UTF-8, whatever was declared: no other text looks like that by chance.
    Otherwise the byte order mark decides, then the XML declaration, then the HTTP header (RFC 7303, but for servers
    that name a default), then windows-1252, which HTML reads Latin-1 as.
    """
    for mark, encoding in BOMS:
        if body.startswith(mark):
            return Decoded(body[len(mark) :].decode(encoding, "replace"))
    if body[:2] in (b"<\0", b"\0<", b"{\0", b"\0{"):
        return Decoded(body.decode("utf-16-le" if body[1] == 0 else "utf-16-be", "replace"))
    declared = DECLARED.match(body[:400])
    names = [declared[1].decode("ascii").lower() if declared else None, http_charset]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return decode_other(body, names)
    # Seven-bit encodings (ISO-2022-JP) are ASCII to the eye.
    if text.isascii() and (seven_bit := next((name for name in names if is_seven_bit(name)), None)):
        return Decoded(body.decode(seven_bit, "replace"))
    return Decoded(text)


def decode_other(body: bytes, names: list[str | None]) -> Decoded:
    """Return the characters of a body that is not all UTF-8."""
    for name in names:
        if name and not name.replace("-", "").replace("_", "").startswith(("utf8", "usascii", "ascii")):
            try:
                return Decoded(body.decode(name))
            except (LookupError, UnicodeError):
                continue
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    beyond_ascii = sum(map(len, re.findall(r"[^\x00-\x7f]+", text)))
    if beyond_ascii - broken > broken:
        return Decoded(text, f"{broken} broken characters in its UTF-8 were replaced")
    return Decoded(body.decode("cp1252", "replace"), "its encoding is not declared; read as windows-1252")


def is_seven_bit(name: str | None) -> bool:
    """Whether an encoding writes everything with ASCII bytes."""
    return (name or "").replace("_", "-").startswith(("iso-2022", "hz", "utf-7")) and name != "utf-7"


def xml_of(text: str) -> Xml:
    """Return the XML of a document, cleaned of what would make a parser fail; NotAFeedError when there is none.

    The prolog goes: its DOCTYPE could declare entities that explode or name local files, and nothing in it is needed.
    """
    start = root_start(text)
    root = ROOT.match(text, start)
    if root is None:
        raise NotAFeedError("is neither XML nor JSON")
    cleaned = text[start:].translate(FORBIDDEN)
    return Xml(REFERENCE.sub(resolved, cleaned) if "&" in cleaned else cleaned, root[1])


def root_start(text: str) -> int:
    """Return where the first element begins, behind declaration, comments and DOCTYPE; the end when there is none."""
    position = text.find("<")
    while position != -1:
        if text.startswith("<?", position):
            end = text.find("?>", position)
            position = text.find("<", end + 2) if end != -1 else -1
        elif text.startswith("<!--", position):
            end = text.find("-->", position)
            position = text.find("<", end + 3) if end != -1 else -1
        elif text.startswith("<!", position):
            position = text.find("<", doctype_end(text, position))
        elif ROOT.match(text, position):
            return position
        else:
            position = text.find("<", position + 1)
    return len(text)


def doctype_end(text: str, start: int) -> int:
    """Return the position after a DOCTYPE, its internal subset included."""
    bracket, end = text.find("[", start), text.find(">", start)
    if bracket != -1 and bracket < end:
        found = SUBSET_END.search(text, bracket)
        return found.end() if found else len(text)
    return end + 1 if end != -1 else len(text)


def resolved(found: re.Match[str]) -> str:
    """Return a reference that every XML parser understands: HTML's names by character, impossible numbers as U+FFFD."""
    reference = found[0]
    if reference in XML_NAMES:
        return reference
    if reference[1] != "#":
        character = html.entities.html5.get(reference[1:], reference)
        return reference if set(character) & set("<>&\"'") else character
    number = int(reference[3:-1], 16) if reference[2] in "xX" else int(reference[2:-1])
    is_character = number in (9, 10, 13) or 32 <= number <= 0x10FFFF  # noqa: PLR2004 (XML 1.0, section 2.2)
    return reference if is_character and not 0xD800 <= number <= 0xDFFF else "\ufffd"  # noqa: PLR2004 (surrogates)
