"""Items of RSS and Atom as entries: arXiv's three dialects, bioRxiv and publishers (Dublin Core, PRISM), and blogs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from newsletter.model import AnnounceType, Entry
from newsletter.sources.reading.dates import from_struct, from_text, plausible
from newsletter.sources.reading.drafting import (
    Context,
    Identity,
    Reading,
    abstract_page,
    categories_of,
    entry_id,
    identify,
    named,
    pdf_address,
    remark,
    told_apart,
    web_link,
)
from newsletter.sources.reading.people import authors_of
from newsletter.sources.reading.text import LONGEST_ABSTRACT, LONGEST_TITLE, plain_text, readable_text, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from newsletter.sources.reading.syndication import Fields, Syndicated

# "arXiv:2508.13426v1 Announce Type: cross \nAbstract: As large…" (rss.arxiv.org since 2024)
ANNOUNCEMENT: Final = re.compile(
    r"\s*arXiv:(?P<id>\S{1,40})\s+Announce Type:\s*(?P<type>[a-z-]{1,20})\s+(?:Abstract:\s*)?", re.IGNORECASE
)
# What rss.arxiv.org and the API put in the place of an answer, with or without status 400.
ERROR_TITLE: Final = re.compile(r"Feed error for query\b", re.IGNORECASE)
ERROR_ID: Final = re.compile(r"https?://(?:export\.)?arxiv\.org/api/errors\b", re.IGNORECASE)
# RSS 2.0 has the author's mail address, and the name in parentheses: ann@lab.example (Ann Lee)
MAILBOX: Final = re.compile(r"\s*[^\s@]+@[^\s@]+\s+\(([^()]+)\)\s*")
DATES: Final = ("published", "created", "updated", "prism_publicationdate", "prism_coverdate")


class ServiceError(Exception):
    """The service answered with a well-formed feed that says what went wrong."""


def read_syndicated(parsed: Syndicated, context: Context) -> Reading:
    """Return the entries of a feed; ServiceError when the feed is an error message of arXiv's."""
    refuse_error_feed(parsed)
    reading = Reading()
    bases = (web_link(parsed.feed.get("link")), context.url)
    for item in parsed.items:
        reading.add(entry_of(item, bases, context))
    if parsed.is_ill_formed and parsed.items:
        reading.notes.append("the feed is ill-formed; what could be read of it was read")
    reading.entries, note = told_apart(reading.entries)
    reading.notes += [note] if note else []
    return reading


def refuse_error_feed(parsed: Syndicated) -> None:
    """Raise ServiceError for a feed that is an error message."""
    title = plain_text(text_field(parsed.feed, "title"), LONGEST_TITLE)
    if ERROR_TITLE.match(title):
        detail = plain_text(text_field(parsed.feed, "subtitle"), 300)
        raise ServiceError(f"arXiv says: {title}" + (f" ({detail})" if detail else ""))
    for item in parsed.items:
        if ERROR_ID.match(text_field(item, "id")):
            raise ServiceError(f"arXiv says: {plain_text(text_field(item, 'summary'), 300) or 'error'}")


def entry_of(item: Fields, bases: tuple[str, ...], context: Context) -> Entry | None:
    """Return one item as an entry, or None when it has neither title nor text."""
    given, link = text_field(item, "id"), web_link(link_of(item), *bases)
    identity = identify((given, link, *other_links(item)), (text_field(item, name) for name in DOI_FIELDS))
    announcement = ANNOUNCEMENT.match(text_field(item, "summary")[:200])
    abstract = abstract_of(item, announcement)
    title = named(title_of(item, is_plain=announcement is not None), abstract)
    if not title:
        return None
    url = abstract_page(identity.arxiv_id) if identity.arxiv_id else link or doi_link(identity)
    return Entry(
        entry_id=entry_id(identity, given, url, title),
        title=title,
        abstract=abstract,
        authors=authors_of(author_names(item), is_arxiv=identity.arxiv_id is not None),
        url=url,
        published_at=published_at(item, context),
        categories=item_categories(item),
        arxiv_id=identity.arxiv_id,
        version=identity.version,
        doi=identity.doi,
        announce_type=announce_type(item, announcement),
        pdf_url=pdf_address(identity.arxiv_id) if identity.arxiv_id else pdf_link(item, bases),
        comment=remark(item.get("arxiv_comment")),
        journal_reference=journal_reference(item),
    )


DOI_FIELDS: Final = ("arxiv_doi", "prism_doi", "dc_identifier")


def text_field(fields: Fields, name: str) -> str:
    """Return a field when it is text, else "": repeated elements come out of feedparser in other types."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def title_of(item: Fields, *, is_plain: bool) -> str:
    """Return the title. arXiv announces plain text with TeX; elsewhere markup in titles is common."""
    value = text_field(item, "title") or text_field(item, "dc_title")
    return plain_text(value, LONGEST_TITLE) if is_plain else typed_text(value, item.get("title_detail"), LONGEST_TITLE)


def abstract_of(item: Fields, announcement: re.Match[str] | None) -> str:
    """Return the summary, or the whole content of an item that has no summary."""
    summary = text_field(item, "summary")
    if announcement:
        return plain_text(summary[announcement.end() :], LONGEST_ABSTRACT)
    text = typed_text(summary, item.get("summary_detail"), LONGEST_ABSTRACT)
    for content in item.get("content") or () if not text else ():
        text = text or typed_text(text_field(content, "value"), content, LONGEST_ABSTRACT)
    return text


def typed_text(value: str, detail: Any, limit: int) -> str:
    """Return the text of a field; only Atom says for sure that it is plain, and even there many are wrong."""
    is_plain = (
        isinstance(detail, dict) and detail.get("type") == "text/plain" and "</" not in value and "/>" not in value
    )
    return plain_text(value, limit) if is_plain else readable_text(value, limit)


def link_of(item: Fields) -> str:
    """Return the address of the item's page."""
    if link := text_field(item, "link"):
        return link
    links = [link for link in item.get("links") or () if link.get("rel") in ("alternate", None)]
    return str(links[0].get("href") or "") if links else ""


def other_links(item: Fields) -> Iterator[str]:
    """Yield further addresses of the paper itself; what it is merely related to is another paper."""
    for link in (item.get("links") or ())[:20]:
        if link.get("rel") == "alternate" or link.get("type") == "application/pdf":
            yield str(link.get("href") or "")
    yield text_field(item, "feedburner_origlink")


def pdf_link(item: Fields, bases: tuple[str, ...]) -> str | None:
    """Return the address of the PDF, when the item names one."""
    pdfs = (link for link in item.get("links") or () if link.get("type") == "application/pdf")
    return next((link for pdf in pdfs if (link := web_link(pdf.get("href"), *bases))), None)


def doi_link(identity: Identity) -> str:
    """Return where a DOI leads, for an item without a link."""
    return f"https://doi.org/{identity.doi}" if identity.doi else ""


def author_names(item: Fields) -> list[str]:
    """Return what stands in each author element."""
    authors = item.get("authors")
    # feedparser cuts an address of RSS at the fifth letter of its top-level domain and takes the rest for the name.
    if mailbox := MAILBOX.fullmatch(text_field(item, "author")[:500]) if len(authors or ()) == 1 else None:
        return [mailbox[1]]
    names = [text_field(author, "name") for author in authors if isinstance(author, dict)] if authors else []
    return [name for name in names if name.strip()]


def published_at(item: Fields, context: Context) -> datetime | None:
    """Return when the item was published, or last updated if it does not say, in UTC."""
    for name in DATES:
        moment = from_struct(item.get(f"{name}_parsed")) or from_text(item.get(name))
        if (found := plausible(moment, context.now)) is not None:
            return found
    return None


def item_categories(item: Fields) -> tuple[str, ...]:
    """Return the categories, arXiv's primary one first."""
    primary = item.get("arxiv_primary_category")
    terms = [primary.get("term")] if isinstance(primary, dict) else []
    terms += [tag.get("term") or tag.get("label") for tag in item.get("tags") or ()]
    if not terms:
        terms = [item.get("prism_section")]
    return categories_of(terms)


def announce_type(item: Fields, announcement: re.Match[str] | None) -> AnnounceType:
    """Return how arXiv announced the item; ``new`` when nothing is said, or something unknown."""
    said = text_field(item, "arxiv_announce_type") or (announcement["type"] if announcement else "")
    try:
        return AnnounceType(tidy(said, 20).lower())
    except ValueError:
        return AnnounceType.NEW


def journal_reference(item: Fields) -> str | None:
    """Return where the paper appeared, as arXiv writes it, or put together from PRISM's fields."""
    for name in ("arxiv_journal_reference", "arxiv_journal_ref"):
        if said := remark(item.get(name)):
            return said
    journal = remark(item.get("prism_publicationname"))
    if journal is None:
        return None
    volume, number = remark(item.get("prism_volume")), remark(item.get("prism_number"))
    issue = (f" {volume}" if volume else "") + (f"({number})" if number else "")
    pages = remark(item.get("prism_startingpage"))
    return journal + issue + (f", {pages}" if pages else "")
