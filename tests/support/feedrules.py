"""What RFC 4287 and JSON Feed 1.1 demand of a feed, as lists of what is wrong."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SPACE = "{http://www.w3.org/2005/Atom}"
ONCE = ("id", "title", "updated")
AT_MOST_ONCE = ("published", "summary", "content", "rights", "source", "subtitle", "logo", "icon", "generator")
KNOWN = {*ONCE, *AT_MOST_ONCE, "link", "author", "contributor", "category", "entry"}


def atom_flaws(document: bytes) -> list[str]:
    """Return what is wrong with an Atom feed."""
    feed = ET.fromstring(document)  # noqa: S314 (our own)
    entries = feed.findall(SPACE + "entry")
    found = [] if feed.tag == SPACE + "feed" else [f"the root is {feed.tag}"]
    for node in (feed, *entries):
        found += _container_flaws(node)
    ids = [entry.findtext(SPACE + "id") for entry in entries]
    found += [f"two entries are {each}" for each in set(ids) if ids.count(each) > 1]
    for entry in entries:
        if feed.find(SPACE + "author") is None and entry.find(SPACE + "author") is None:
            found.append("4.1.2: an entry without an author")
        if entry.find(SPACE + "content") is None and not _links(entry, "alternate"):
            found.append("4.1.2: an entry with neither content nor an alternate link")
    if len(_links(feed, "self")) != 1:
        found.append("4.1.1: a feed should say where it is")
    return found


def _container_flaws(node: ET.Element) -> Iterator[str]:
    for name in ONCE:
        if len(node.findall(SPACE + name)) != 1:
            yield f"{node.tag} needs one {name}"
    for name in AT_MOST_ONCE:
        if len(node.findall(SPACE + name)) > 1:
            yield f"{node.tag} has several {name}"
    yield from (f"{child.tag} is no element of Atom" for child in node if child.tag.removeprefix(SPACE) not in KNOWN)
    for child in node.findall(SPACE + "updated") + node.findall(SPACE + "published"):
        yield from _time_flaws(child.text)
    yield from _url_flaws([node.findtext(SPACE + "id"), *(link.get("href") for link in node.findall(SPACE + "link"))])
    kinds = [(link.get("type"), link.get("hreflang")) for link in _links(node, "alternate")]
    if len(kinds) != len(set(kinds)):
        yield "4.1.1: two alternate links of one type"
    yield from _naming_flaws(node)


def _naming_flaws(node: ET.Element) -> Iterator[str]:
    for person in node.findall(SPACE + "author"):
        if not (person.findtext(SPACE + "name") or "").strip():
            yield "3.2.1: an author without a name"
    for category in node.findall(SPACE + "category"):
        if not category.get("term"):
            yield "4.2.2: a category without a term"


def _links(node: ET.Element, relation: str) -> list[ET.Element]:
    return [link for link in node.findall(SPACE + "link") if link.get("rel", "alternate") == relation]


def _time_flaws(text: str | None) -> Iterator[str]:
    """RFC 3339: with a zone, a capital T, and nothing around it."""
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        yield f"{text!r} is no time"
        return
    if when.tzinfo is None or "T" not in (text or ""):
        yield f"{text!r} is no time of RFC 3339"


def _url_flaws(addresses: Iterable[str | None]) -> Iterator[str]:
    for address in addresses:
        parts = urlsplit(address or "")
        if not parts.scheme or not parts.netloc or not (address or "").isascii() or " " in (address or ""):
            yield f"{address!r} is no absolute address (RFC 3986)"


def json_feed_flaws(feed: dict[str, Any]) -> list[str]:
    """Return what is wrong with a JSON Feed."""
    found = []
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        found.append(f"the version is {feed.get('version')}")
    if not isinstance(feed.get("title"), str) or not feed["title"]:
        found.append("title is required")
    if not isinstance(feed.get("items"), list):
        return [*found, "items is required"]
    found += _url_flaws(feed[name] for name in ("home_page_url", "feed_url"))
    ids = [item.get("id") for item in feed["items"]]
    if len(ids) != len(set(ids)) or not all(isinstance(each, str) and each for each in ids):
        found.append("each item needs an id of its own, a text")
    for item in feed["items"]:
        found += _item_flaws(item)
    return found


def _item_flaws(item: dict[str, Any]) -> Iterator[str]:
    if not any(isinstance(item.get(name), str) for name in ("content_html", "content_text")):
        yield "content_html or content_text must be there"
    for name in ("date_published", "date_modified"):
        yield from _time_flaws(item.get(name))
    yield from _url_flaws(item[name] for name in ("url", "external_url") if name in item)
    authors = item.get("authors", [])
    if not all(author.get("name") or author.get("url") or author.get("avatar") for author in authors):
        yield "an author without name, url or avatar"
    if not all(isinstance(tag, str) and tag for tag in item.get("tags", [])):
        yield "a tag that is no text"
