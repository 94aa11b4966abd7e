"""What a mail's HTML consists of, as far as readers and their programs care: links, images, text and its colours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_UNREAD = frozenset(("style", "script", "title", "head"))  # their text is on no page
ACTIVE: Final = frozenset(
    ("script", "form", "input", "button", "iframe", "object", "embed", "applet", "audio", "video", "base", "link")
)
"""Tags that mail programs take out, and that filters take for an attack."""
_COLOUR = re.compile(r"#[0-9a-f]{6}|#[0-9a-f]{3}")
_DECLARATION = re.compile(r"([a-z-]+)\s*:\s*([^;]+)")
_HIDDEN = re.compile(r"display\s*:\s*none|max-height\s*:\s*0|visibility\s*:\s*hidden")
_NO_SIZE = re.compile(r"0(?:\.0*)?(?:[a-z]+|%)?")
_ADDRESS_IN_STYLE = re.compile(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)")


@dataclass(frozen=True, slots=True)
class Link:
    """A link: where it leads, and the words that are clicked (those of an image are its ``alt``)."""

    url: str
    words: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image; ``alt`` is None where the tag has none, and empty where it says that nothing is to be read."""

    source: str
    alt: str | None


@dataclass(frozen=True, slots=True)
class Colours:
    """Text and what is behind it, both ``#rrggbb``, with the first words that have them."""

    text: str
    ground: str
    words: str


@dataclass(slots=True)
class Anatomy:
    """What there is in a page, in its order. ``fetched`` are the addresses that showing it asks, besides its images."""

    links: list[Link] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    active: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    colours: dict[tuple[str, str], Colours] = field(default_factory=dict)
    text: str = ""
    language: str = ""


@dataclass(slots=True)
class _Open:
    """A tag that is not closed yet, with what it hands down."""

    tag: str
    text: str
    ground: str
    is_hidden: bool
    has_size: bool = True  # tables are set in no size at all, and what stands in them in one of its own


def anatomy_of(html: str) -> Anatomy:
    """Return what ``html`` consists of; whatever it is, nothing is raised."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.found.text = " ".join("".join(reader.pieces).split())
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Anatomy()
        self.pieces: list[str] = []
        self._open = [_Open("", "#000000", "#ffffff", is_hidden=False)]
        self._link: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if tag not in _VOID:
            self._open.append(self._handed_down(tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        if any(each.tag == tag for each in self._open[1:]):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if any(each.tag == "style" for each in self._open):
            self.found.fetched += _fetched(data)
        if any(each.tag in _UNREAD for each in self._open):
            return
        here = self._open[-1]
        if here.has_size and not here.is_hidden and (words := " ".join(data.split())):
            self.found.colours.setdefault((here.text, here.ground), Colours(here.text, here.ground, words[:60]))
        self.pieces.append(data)
        if self._link is not None:
            self._link[1].append(data)

    def close(self) -> None:
        super().close()
        self._end_link()

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes, found = dict(attrs), self.found
        found.names |= {value for name in ("id", "name") if (value := attributes.get(name))}
        found.active += [tag] if tag in ACTIVE else []
        found.active += [name for name in attributes if name.startswith("on")]
        found.fetched += _fetched(attributes.get("style") or "")
        if background := attributes.get("background"):
            found.fetched.append(background)
        if tag == "html":
            found.language = attributes.get("lang") or ""
        if tag == "a" and "href" in attributes:
            self._end_link()
            self._link = ((attributes["href"] or "").strip(), [])
        if tag == "img":
            found.images.append(Image((attributes.get("src") or "").strip(), attributes.get("alt")))
            if self._link is not None:
                self._link[1].append(attributes.get("alt") or "")
        if tag in ("p", "td", "br", "div", "li", "h1", "h2", "h3"):
            self.pieces.append(" ")

    def _end_link(self) -> None:
        if self._link is not None:
            url, words = self._link
            self.found.links.append(Link(url, " ".join("".join(words).split())))
            self._link = None

    def _handed_down(self, tag: str, attributes: dict[str, str | None]) -> _Open:
        above, style = self._open[-1], (attributes.get("style") or "").lower()
        declared = dict(_DECLARATION.findall(style))
        ground = declared.get("background-color") or declared.get("background") or attributes.get("bgcolor") or ""
        return _Open(
            tag,
            _colour(declared.get("color", "")) or above.text,
            _colour(ground) or above.ground,
            above.is_hidden or bool(_HIDDEN.search(style)),
            not _NO_SIZE.fullmatch(declared["font-size"].strip()) if "font-size" in declared else above.has_size,
        )


def _colour(value: str) -> str:
    """Return ``#rrggbb`` where the value holds a colour in hexadecimal digits, else nothing."""
    match = _COLOUR.search(value.lower())
    if match is None:
        return ""
    digits = match[0][1:]
    return f"#{digits}" if len(digits) == 6 else "#" + "".join(digit * 2 for digit in digits)  # noqa: PLR2004


def _fetched(style: str) -> list[str]:
    return [one or other for one, other in _ADDRESS_IN_STYLE.findall(style) if not (one or other).startswith("data:")]
