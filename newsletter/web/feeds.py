"""Papers as feeds: Atom (RFC 4287) and JSON Feed 1.1."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias
from xml.etree import ElementTree as ET

from newsletter.core.text import readable, readable_name
from newsletter.mail.links import paper_url
from newsletter.web.paperview import LONGEST_URL
from newsletter.web.speaking import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from newsletter.model import Paper, Pick

Picked: TypeAlias = "Mapping[int, Sequence[Pick]]"
NONE: Final[Picked] = {}
ATOM: Final = "http://www.w3.org/2005/Atom"
NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(  # noqa: PLR0913 (each is a part of the feed)
    title: str,
    base_url: str,
    path: str,
    page: str,
    papers: Sequence[Paper],
    *,
    picks: Picked = NONE,
    has_pages: bool = True,
) -> bytes:
    """Return the Atom feed at ``path``; ``page`` shows the same.

    Each entry leads to the paper's page here, or (without ``has_pages``) to where the paper itself is.
    """
    feed = ET.Element("feed", {"xmlns": ATOM})
    _add(feed, "title", title)
    _add(feed, "id", base_url + path)
    _add(feed, "updated", max((_seen(paper) for paper in papers), default=NEVER).isoformat())
    ET.SubElement(feed, "link", {"rel": "self", "type": "application/atom+xml", "href": base_url + path})
    ET.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": base_url + page})
    for paper in papers:
        entry = ET.SubElement(feed, "entry")
        _add(entry, "title", readable(paper.title))
        _add(entry, "id", f"{base_url}/papers/{paper.id}")
        here = f"{base_url}/papers/{paper.id}"
        ET.SubElement(entry, "link", {"href": here if has_pages else paper_url(paper, LONGEST_URL) or base_url})
        _add(entry, "updated", _seen(paper).isoformat())
        _add(entry, "published", (paper.published_at or paper.first_seen_at).isoformat())
        for name in names_of(paper) or ("Unknown",):  # RFC 4287 section 4.1.2: there must be one
            _add(ET.SubElement(entry, "author"), "name", name)
        for category in tags_of(paper):
            ET.SubElement(entry, "category", {"term": category})
        _add(entry, "summary", text_of(paper, picks))
    written: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def text_of(paper: Paper, picks: Picked) -> str:
    """Return what curators say of a paper, and its abstract."""
    notes = [
        spoken().gettext("Editor’s pick by %(curator)s", curator=pick.curator) + (f": {pick.note}" if pick.note else "")
        for pick in picks.get(paper.id, ())
    ]
    return "\n\n".join((*notes, readable(paper.abstract)))


def names_of(paper: Paper) -> list[str]:
    """Return the authors as people write them, those without a name left out."""
    return [name for each in paper.authors if (name := _clean(readable_name(each)).strip())]


def tags_of(paper: Paper) -> list[str]:
    """Return the categories that say something."""
    return [term for each in paper.categories if (term := _clean(each).strip())]


def _seen(paper: Paper) -> datetime:
    return paper.version_seen_at or paper.first_seen_at


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _clean(text)


def _clean(text: str) -> str:
    return NOT_XML.sub("", text)


def json_feed(
    title: str, base_url: str, path: str, page: str, papers: Sequence[Paper], *, picks: Picked = NONE
) -> bytes:
    """Return a JSON Feed."""
    items = [
        {
            "id": f"{base_url}/papers/{paper.id}",
            "url": f"{base_url}/papers/{paper.id}",
            "title": readable(paper.title),
            "content_text": text_of(paper, picks),
            "date_published": (paper.published_at or paper.first_seen_at).isoformat(),
            "date_modified": _seen(paper).isoformat(),
            "authors": [{"name": name} for name in names_of(paper)],
            "tags": tags_of(paper),
            **({"external_url": url} if (url := paper_url(paper, LONGEST_URL)) else {}),
        }
        for paper in papers
    ]
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": title,
        "home_page_url": base_url + page,
        "feed_url": base_url + path,
        "items": items,
    }
    return json.dumps(document).encode()
