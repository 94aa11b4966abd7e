"""Text that can be printed anywhere: what feeds say, without the characters that break mails, terminals or headers."""

from __future__ import annotations

import re
import unicodedata

# Controls (C0, C1), line and paragraph separators, bidirectional overrides and isolates (they can make text lie about
# its own order), byte order marks, interlinear annotation, lone surrogates and noncharacters. ZWJ, ZWNJ, LRM and RLM
# stay: emoji, Persian and mixed-direction text need them.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17))
    + "]"
)
_COMBINING = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_PILE = re.compile(f"({_COMBINING}{{4}}){_COMBINING}+")
_SPACES = re.compile(r"\s+")
_WHITE = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
_JOINERS = frozenset({0x200D, 0xFE0E, 0xFE0F, 0x20E3, *range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)})
_ELLIPSIS = "…"


def _stand_in(match: re.Match[str]) -> str:
    return " " if match[0] in _WHITE else ""


def printable(text: str) -> str:
    """Return ``text`` without unprintable characters (white space among them becomes a space), in NFC, and with no more
    than four combining marks on a character: piled higher they cover the lines around.
    """
    if text.isascii() and text.isprintable():
        return text
    if not text.isprintable():
        text = _UNPRINTABLE.sub(_stand_in, text)
    return _PILE.sub(r"\1", unicodedata.normalize("NFC", text))


def one_line(text: str) -> str:
    """Return printable ``text`` with every run of white space as one space and none at the ends."""
    text = printable(text)
    if "  " not in text and text.isprintable():  # then its only white space is single spaces
        return text.strip(" ")
    return _SPACES.sub(" ", text).strip()


def clip(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters: cut before a word where one begins near the end, never within
    what is read as one character (an accent, an emoji sequence, a flag), and ended by an ellipsis.
    """
    if len(text) <= limit:
        return text
    return text[: cut(text, limit - 1)].rstrip(" ,;:.–—-") + _ELLIPSIS


def cut(text: str, end: int) -> int:
    """Return where to cut ``text`` so that at most ``end`` characters stay: before a word, and never within what is
    read as one character.
    """
    space = text.rfind(" ", max(0, end - 30), end + 1)
    if space > 0:
        return space
    for position in range(end, max(0, end - 60), -1):
        if not _is_joined(text[position - 1], text[position]):
            return position
    return end  # a pile of combining marks: no boundary is better than another


def _is_joined(before: str, after: str) -> bool:
    """Whether two neighbours belong to one visible character (the cases of UAX #29 that papers' titles hold)."""
    if before == "\u200d" or ord(after) in _JOINERS or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return True
    return "\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff"
