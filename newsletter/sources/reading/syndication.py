"""The door to feedparser: RSS 0.9x, 1.0, 2.0 and Atom, bytes to plain dictionaries. Nothing else imports it."""

from __future__ import annotations

import io
from typing import Any

import feedparser

from newsletter.sources.reading.document import NotAFeedError, Xml

Fields = dict[str, Any]


class Syndicated:
    """A parsed feed: ``feed`` and ``items`` hold feedparser's fields without its aliases between them."""

    def __init__(self, xml: Xml) -> None:
        # BytesIO, for feedparser opens strings and bytes that look like a path or an address. Its sanitiser and its
        # resolver of links are off: they change plain text that only looks like HTML, and are quadratic on hostile
        # input. What comes out is made text by this package and escaped by whoever shows it.
        parsed = feedparser.parse(
            io.BytesIO(xml.text.encode("utf-8", "replace")),
            sanitize_html=False,
            resolve_relative_uris=False,
            response_headers={"content-type": "application/xml; charset=utf-8"},
        )
        self.version: str = parsed.get("version") or ""
        self.is_ill_formed: bool = bool(parsed.get("bozo"))
        self.feed: Fields = plain(parsed.get("feed") or {})
        self.items: list[Fields] = [plain(item) for item in parsed.get("entries") or []]


def parse_syndicated(xml: Xml) -> Syndicated:
    """Return the feed in ``xml``; NotAFeedError when it is something else, such as a web page."""
    name = xml.root.lower()
    if name in ("html", "head", "body") or (name in ("script", "div", "p", "meta", "title", "table", "center", "h1")):
        raise NotAFeedError("is a web page (HTML), not a feed; look for the page's link to RSS or Atom")
    parsed = Syndicated(xml)
    if not parsed.version and not parsed.items:
        raise NotAFeedError(f"is XML (<{xml.root[:40]}>), but neither RSS nor Atom")
    if parsed.is_ill_formed and not parsed.items:  # an answer cut off must not pass for a quiet day
        raise NotAFeedError("breaks off or is not well-formed, and no entry of it can be read")
    return parsed


def plain(fields: dict[str, Any]) -> Fields:
    """Return feedparser's fields as they were filled; its own dictionary answers for one field with another."""
    return dict(dict.items(fields))
