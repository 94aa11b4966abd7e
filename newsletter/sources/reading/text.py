"""Text as people read it, from what feeds put into titles and descriptions: plain text, HTML, or either.

RSS does not say which of the two a description is. ``$n<m$ and $p>q$`` must stay as it is, while
``<p>We show…</p>`` must lose its tags, so that HTML is assumed only where something could hardly be anything else.
"""

from __future__ import annotations

import html.entities
import re
import unicodedata
from html.parser import HTMLParser
from typing import Final

LONGEST_TITLE: Final = 1_000
LONGEST_ABSTRACT: Final = 20_000
LONGEST_SOURCE: Final = 200_000  # of one field; the standard library's parser is quadratic in unclosed markup
DERIVED_TITLE: Final = 80

SILENT: Final = frozenset({"script", "style", "template", "iframe", "object", "noscript", "head", "svg", "annotation"})
BLOCK_NAMES: Final = """
    address article aside blockquote br caption center col colgroup dd details dialog dir div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol option p pre section summary
    table tbody td tfoot th thead title tr ul
"""
# The last two lines are what publishers leave of JATS and MathML.
INLINE_NAMES: Final = """
    a abbr acronym area audio b base bdi bdo big body button canvas cite code data datalist del dfn em embed font html
    i img input ins kbd label link map mark meta meter nobr output param picture progress q rp rt ruby s samp select
    small source span strike strong sub sup textarea time track tt u var video wbr
    bold italic sec math mfrac mi mn mo mover mrow mspace msqrt mstyle msub msubsup msup mtext munder munderover
    semantics inline-formula
"""
BLOCKS: Final = frozenset(BLOCK_NAMES.split())
INLINE: Final = frozenset(INLINE_NAMES.split())
ELEMENTS: Final = SILENT | BLOCKS | INLINE
# Letters of formulas, too: only their end tags say that they are elements.
ONE_LETTER: Final = frozenset(name for name in ELEMENTS if len(name) == 1)

TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)(\s[^<>]*|/)?>")
COMMENT: Final = re.compile(r"<!--|<!\[CDATA\[|<!doctype\s", re.IGNORECASE)
ATTRIBUTE: Final = re.compile(r"\s[A-Za-z:-]+\s*=\s*[\"']")
REFERENCE: Final = re.compile(r"&(?:#([0-9]{1,10})|#[xX]([0-9A-Fa-f]{1,8})|([A-Za-z][A-Za-z0-9]{1,31}));")
# Controls, surrogates, and the marks that reorder text (Unicode TR 36, section 3.2), which could disguise a mail.
UNWANTED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
DECLARATION: Final = re.compile(r"<[!?][^<>]*>")
NO_TAG: Final = re.compile(r"<(?!/?[A-Za-z])")
SENTENCE: Final = re.compile(r".{20,79}?[.!?…](?= |$)")


def plain_text(value: str, limit: int) -> str:
    """Return what was meant as plain text: references resolved, controls gone, spaces collapsed, NFC."""
    return tidy(unescape(value[:LONGEST_SOURCE]), limit)


def readable_text(value: str, limit: int) -> str:
    """Return the text of what may be HTML or plain text."""
    value = value[:LONGEST_SOURCE]
    return tidy(html_text(value) if looks_like_html(value) else unescape(value), limit)


def html_text(value: str) -> str:
    """Return the text of HTML, blocks set apart by a space; what is no element (``<m``) is kept as it is."""
    extractor = Extractor()
    extractor.feed(well_ended(without_comments(value)))
    extractor.close()
    return "".join(extractor.parts)


def without_comments(value: str) -> str:
    """Return HTML without comments, declarations and the marks of CDATA sections; a comment without end is no comment.

    The standard library's parser takes quadratic time for those that do not end.
    """
    parts = value.replace("<![CDATA[", "").replace("]]>", "").split("<!--")
    kept = [parts[0]]
    for part in parts[1:]:
        _, end, rest = part.partition("-->")
        kept.append(rest if end else part)
    return DECLARATION.sub(" ", "".join(kept))


def well_ended(value: str) -> str:
    """Return HTML in which every ``<`` that begins no tag is escaped; versions of the parser differ on those."""
    last = value.rfind(">") + 1
    return NO_TAG.sub("&lt;", value[:last]) + value[last:].replace("<", "&lt;")


class Extractor(HTMLParser):
    """Collects the text that a reader would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        del attrs
        if self.silent:
            if tag in SILENT:
                self.silent.append(tag)
        elif tag in SILENT:
            self.silent.append(tag)
        elif not is_element(tag):
            self.parts.append(self.get_starttag_text() or "")
        elif tag in BLOCKS:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that ends where it begins."""
        if tag not in SILENT:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and everything silent that was left open in it."""
        if tag in self.silent:
            del self.silent[self.silent.index(tag) :]
        elif tag in BLOCKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        """Keep text."""
        if not self.silent:
            self.parts.append(data)


def is_element(tag: str) -> bool:
    """Whether a name is one of an element: known, of another vocabulary (``jats:p``), or custom (``math-field``)."""
    return tag in ELEMENTS or re.fullmatch(r"[a-z][a-z0-9]*[:-][a-z][a-z0-9:-]*", tag) is not None


def looks_like_html(value: str) -> bool:
    """Whether something in ``value`` can hardly be anything but HTML."""
    if "<" not in value:
        return False
    if COMMENT.search(value):
        return True
    for found in TAG.finditer(value):
        end, name, rest = found[1], found[2].lower(), found[3] or ""
        if not is_element(name):
            continue
        if name not in ONE_LETTER or end or ATTRIBUTE.match(rest) or (name == "p" and is_paragraph(value, found)):
            return True
    return False


def is_paragraph(value: str, tag: re.Match[str]) -> bool:
    """Whether a ``<p>`` without an end stands where a paragraph may begin, and not between ``k`` and ``q``."""
    before = value[: tag.start()].rstrip()
    return not before or before[-1] in ".!?:>…" or value[tag.start() - 1] == "\n"


def unescape(value: str) -> str:
    """Return ``value`` with its complete character references resolved; ``&copy=1`` of a link stays as it is."""
    return REFERENCE.sub(referenced, value) if "&" in value else value


def referenced(found: re.Match[str]) -> str:
    """Return the character of a reference, U+FFFD for a number that is none, and unknown names unchanged."""
    if found[3]:
        return html.entities.html5.get(found[3] + ";", found[0])
    number = int(found[1]) if found[1] else int(found[2], 16)
    if 0x80 <= number <= 0x9F:  # noqa: PLR2004 (the block that HTML reads as windows-1252)
        return bytes([number]).decode("cp1252", "replace")
    is_character = 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF  # noqa: PLR2004 (Unicode's bounds)
    return chr(number) if is_character else "\ufffd"


def tidy(text: str, limit: int) -> str:
    """Return NFC text without controls, its white space collapsed, cut at a word with an ellipsis when too long."""
    text = " ".join(unicodedata.normalize("NFC", UNWANTED.sub("", text)).split())
    return shortened(text, limit)


def shortened(text: str, limit: int) -> str:
    """Return at most ``limit`` characters, cut between words where there is such a place in the last third."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit * 2 // 3 else cut).rstrip(" ,;:.–—-") + "…"


def derived_title(text: str) -> str:
    """Return a title for an item that has none: its first sentence, or the first words of it."""
    sentence = SENTENCE.match(text)
    return sentence[0] if sentence else shortened(text, DERIVED_TITLE)
