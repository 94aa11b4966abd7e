"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/), which feedparser cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from newsletter.model import Entry
from newsletter.sources.reading.dates import from_text, plausible
from newsletter.sources.reading.document import NotAFeedError
from newsletter.sources.reading.drafting import (
    Context,
    Reading,
    abstract_page,
    categories_of,
    entry_id,
    identify,
    named,
    pdf_address,
    told_apart,
    web_link,
)
from newsletter.sources.reading.people import authors_of
from newsletter.sources.reading.text import LONGEST_ABSTRACT, LONGEST_TITLE, html_text, plain_text, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "https://jsonfeed.org/version/"


def is_json_feed(value: object) -> bool:
    """Whether parsed JSON says that it is a JSON Feed; some publishers leave the version out but not the items."""
    if not isinstance(value, dict):
        return False
    version = value.get("version")
    says_so = isinstance(version, str) and "jsonfeed.org/version" in version
    return says_so or (isinstance(value.get("items"), list) and isinstance(value.get("title"), str))


def read_json_feed(value: Mapping[str, Any], context: Context) -> Reading:
    """Return the entries of a JSON Feed; NotAFeedError when it has no list of items."""
    items = value.get("items")
    if not isinstance(items, list):
        raise NotAFeedError("is a JSON Feed without its list of items")
    reading = Reading()
    bases = (web_link(value.get("home_page_url")), web_link(value.get("feed_url")), context.url)
    feed_authors = author_names(value)
    for item in items:
        reading.add(entry_of(item, bases, feed_authors, context) if isinstance(item, dict) else None)
    reading.entries, note = told_apart(reading.entries)
    reading.notes += [note] if note else []
    return reading


def entry_of(
    item: Mapping[str, Any], bases: tuple[str, ...], feed_authors: list[str], context: Context
) -> Entry | None:
    """Return one item as an entry, or None when it has neither title nor text."""
    given = identifier(item.get("id"))
    url = web_link(item.get("url"), *bases) or web_link(item.get("external_url"), *bases)
    identity = identify((given, url), (text(item, "doi"),))
    abstract = abstract_of(item)
    title = named(plain_text(text(item, "title"), LONGEST_TITLE), abstract)
    if not title:
        return None
    url = abstract_page(identity.arxiv_id) if identity.arxiv_id else url or web_link(given)
    dates = (from_text(item.get(name)) for name in ("date_published", "date_modified"))
    return Entry(
        entry_id=entry_id(identity, given, url, title),
        title=title,
        abstract=abstract,
        authors=authors_of(author_names(item) or feed_authors, is_arxiv=identity.arxiv_id is not None),
        url=url,
        published_at=next((moment for date in dates if (moment := plausible(date, context.now))), None),
        categories=categories_of(item["tags"] if isinstance(item.get("tags"), list) else ()),
        arxiv_id=identity.arxiv_id,
        version=identity.version,
        doi=identity.doi,
        pdf_url=pdf_address(identity.arxiv_id) if identity.arxiv_id else attached_pdf(item, bases),
    )


def text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field when it is text, else ""."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def identifier(value: object) -> str:
    """Return an item's id: the specification wants text and tells readers to take numbers as well."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def abstract_of(item: Mapping[str, Any]) -> str:
    """Return the summary, else the content: here the field's name says what is HTML."""
    if summary := plain_text(text(item, "summary"), LONGEST_ABSTRACT):
        return summary
    if content := plain_text(text(item, "content_text"), LONGEST_ABSTRACT):
        return content
    return tidy(html_text(text(item, "content_html")), LONGEST_ABSTRACT)


def author_names(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of version 1.1's ``authors``, else of 1.0's ``author``."""
    authors = fields.get("authors")
    listed = authors if isinstance(authors, list) else [fields.get("author")]
    names = [text(author, "name") for author in listed if isinstance(author, dict)]
    return [name for name in names if name.strip()]


def attached_pdf(item: Mapping[str, Any], bases: tuple[str, ...]) -> str | None:
    """Return the address of an attached PDF."""
    attachments = item.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else ():
        if isinstance(attachment, dict) and attachment.get("mime_type") == "application/pdf":
            return web_link(attachment.get("url"), *bases) or None
    return None
