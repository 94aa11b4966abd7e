"""Hugging Face's daily papers (``/api/daily_papers``): arXiv papers with what readers made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from newsletter.core.identity import parse_arxiv_id
from newsletter.model import Community, Entry
from newsletter.sources.reading.dates import from_text, plausible
from newsletter.sources.reading.document import NotAFeedError
from newsletter.sources.reading.drafting import Context, Reading, abstract_page, pdf_address, web_link
from newsletter.sources.reading.people import authors_of
from newsletter.sources.reading.text import LONGEST_ABSTRACT, LONGEST_TITLE, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

SITE: Final = "https://huggingface.co"
MOST_KEYWORDS: Final = 50
LARGEST_COUNT: Final = 2**31 - 1
MOST_DIGITS: Final = 20


def is_daily_papers(value: object) -> bool:
    """Whether parsed JSON is a list of daily papers; an empty one is a day without any."""
    return isinstance(value, list) and (not value or any(isinstance(item, dict) and "paper" in item for item in value))


def read_daily_papers(value: object, context: Context) -> Reading:
    """Return the papers of a day; what is no paper is counted and left out. NotAFeedError for another document."""
    if not is_daily_papers(value) or not isinstance(value, list):
        raise NotAFeedError("is not Hugging Face's list of daily papers")
    reading = Reading()
    for item in value:
        reading.add(entry_of(item, context) if isinstance(item, dict) else None)
    reading.entries = list({entry.entry_id: entry for entry in reversed(reading.entries)}.values())[::-1]
    return reading


def entry_of(item: Mapping[str, Any], context: Context) -> Entry | None:
    """Return one paper, or None when it lacks an arXiv id or a title.

    The inner ``publishedAt`` is arXiv's date; the outer one is the same some hours off (seen: 4 and 5).
    """
    paper = item.get("paper")
    if not isinstance(paper, dict):
        return None
    found = parse_arxiv_id(text(paper, "id"))
    title = plain_text(text(paper, "title") or text(item, "title"), LONGEST_TITLE)
    if found is None or not title:
        return None
    arxiv_id, version = found
    return Entry(
        entry_id=arxiv_id,
        title=title,
        abstract=plain_text(text(paper, "summary") or text(item, "summary"), LONGEST_ABSTRACT),
        authors=author_names(paper),
        url=abstract_page(arxiv_id),
        published_at=plausible(from_text(paper.get("publishedAt")), context.now),
        arxiv_id=arxiv_id,
        version=version,
        pdf_url=pdf_address(arxiv_id),
        community=community_of(item, paper, arxiv_id),
    )


def author_names(paper: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the authors' names; those marked hidden are pages that somebody took down, not authors."""
    authors = paper.get("authors")
    listed = authors if isinstance(authors, list) else []
    names = (text(author, "name") for author in listed if isinstance(author, dict))
    # One name at a time: each stands alone here, and none is a list.
    return tuple(dict.fromkeys(name for given in names for name in authors_of((given,), is_arxiv=True)[:1]))


def community_of(item: Mapping[str, Any], paper: Mapping[str, Any], arxiv_id: str) -> Community:
    """Return what readers made of a paper; 0 votes are 0, and no word about votes is None."""
    keywords = paper.get("ai_keywords")
    return Community(
        upvotes=count(paper.get("upvotes")),
        comments=count(item.get("numComments")),
        code_url=web_link(paper.get("githubRepo")) or None,
        code_stars=count(paper.get("githubStars")),
        summary=plain_text(text(paper, "ai_summary"), LONGEST_ABSTRACT) or None,
        keywords=keyword_texts(keywords if isinstance(keywords, list) else []),
        organisation=organisation(paper) or organisation(item),
        thumbnail_url=web_link(item.get("thumbnail")) or None,
        page_url=f"{SITE}/papers/{arxiv_id}",
    )


def keyword_texts(keywords: list[Any]) -> tuple[str, ...]:
    """Return the keywords in order, each once."""
    texts = (plain_text(keyword, 200) for keyword in keywords if isinstance(keyword, str))
    return tuple(dict.fromkeys(text for text in texts if text))[:MOST_KEYWORDS]


def organisation(fields: Mapping[str, Any]) -> str | None:
    """Return the full name of the organisation behind a paper, else its short one."""
    value = fields.get("organization")
    if not isinstance(value, dict):
        return None
    return plain_text(text(value, "fullname") or text(value, "name"), LONGEST_TITLE) or None


def count(value: object) -> int | None:
    """Return a number of things, also where it is written as text ("41") or with a point (41.0); None when nobody
    counted, or something else stands there.
    """
    if isinstance(value, str):
        digits = value.strip()
        value = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= LARGEST_COUNT else None


def text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field when it is text, else ""."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""
