"""What every format shares on the way to an :class:`Entry`: links, identity, titles, and what was left out."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from newsletter.core.identity import normal_title, parse_arxiv_id, parse_doi
from newsletter.sources.reading.text import derived_title, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from newsletter.model import Entry

LONGEST_URL: Final = 2_000
LONGEST_ID: Final = 1_000
LONGEST_REMARK: Final = 1_000
MOST_CATEGORIES: Final = 50
PREPRINT_VERSION: Final = re.compile(r"(?:biorxiv|medrxiv)\.org/.*?[0-9]v([1-9][0-9]?)(?:[/?#.]|$)", re.IGNORECASE)
ARXIV_DOI: Final = "10.48550/arxiv."


@dataclass(frozen=True, slots=True)
class Context:
    """What the reader knows besides the document: its address, for relative links, and the time."""

    url: str
    now: datetime


@dataclass(slots=True)
class Reading:
    """What came out of a document."""

    entries: list[Entry] = field(default_factory=list)
    skipped: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, entry: Entry | None) -> None:
        """Keep an entry, or count that there was one without title and text."""
        if entry is None:
            self.skipped += 1
        else:
            self.entries.append(entry)


@dataclass(frozen=True, slots=True)
class Identity:
    """The names of a paper that stand in its identifiers."""

    arxiv_id: str | None = None
    version: int | None = None
    doi: str | None = None


def identify(identifiers: Iterable[str], dois: Iterable[str]) -> Identity:
    """Return what a paper's identifiers and links say, the first that says it; ``dois`` are fields made for a DOI."""
    known = [printable(text)[:LONGEST_ID] for text in (*dois, *identifiers) if text]
    named_ids = [found for text in known if (found := parse_arxiv_id(text))]
    arxiv_id = named_ids[0][0] if named_ids else None
    # A version may stand in one identifier and not in another: the feed's id has it, the link has not.
    version = next((number for bare, number in named_ids if bare == arxiv_id and number is not None), None)
    if arxiv_id is None:
        version = next((int(preprint[1]) for text in known if (preprint := PREPRINT_VERSION.search(text))), None)
    doi = next((doi for text in known if (doi := parse_doi(text)) and not doi.startswith(ARXIV_DOI)), None)
    return Identity(arxiv_id, version, doi)


def printable(text: str) -> str:
    """Return an identifier without controls, lone surrogates and the space around it: no store takes those."""
    return "".join(character for character in text.strip() if character.isprintable()).strip()


def abstract_page(arxiv_id: str) -> str:
    """Return the address of a paper's page at arXiv, whatever its version."""
    return f"https://arxiv.org/abs/{arxiv_id}"


def pdf_address(arxiv_id: str) -> str:
    """Return the address of the newest PDF at arXiv."""
    return f"https://arxiv.org/pdf/{arxiv_id}"


def web_link(value: object, *bases: str) -> str:
    """Return an absolute http(s) link without controls and spaces, or "" for anything else (``javascript:``)."""
    if not isinstance(value, str) or not value.strip():
        return ""
    link = printable(value)
    try:
        for base in bases:
            if not urlsplit(link).scheme and base.startswith(("http://", "https://")):
                link = urljoin(base, link)
        parts = urlsplit(link)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        return ""
    link = link.replace(" ", "%20")
    return link if is_web and len(link) <= LONGEST_URL else ""


def named(title: str, abstract: str) -> str:
    """Return the title, or one made of the text's first words; "" when there is neither."""
    return title or (derived_title(abstract) if abstract else "")


def remark(value: object) -> str | None:
    """Return a short text field, or None when it is absent or empty."""
    return plain_text(value, LONGEST_REMARK) or None if isinstance(value, str) else None


def categories_of(terms: Iterable[object]) -> tuple[str, ...]:
    """Return category names in order, each once."""
    texts = (plain_text(term, 100) for term in terms if isinstance(term, str))
    return tuple(dict.fromkeys(text for text in texts if text))[:MOST_CATEGORIES]


def entry_id(identity: Identity, given: str, url: str, title: str) -> str:
    """Return what to know an entry by: its own id, else DOI or link, else a digest of its title."""
    if printable(given):
        return printable(given)[:LONGEST_ID]
    digest = hashlib.sha256(normal_title(title).encode() or title.encode("utf-8", "replace")).hexdigest()
    return identity.doi or url or f"sha256:{digest}"


def told_apart(entries: Sequence[Entry]) -> tuple[list[Entry], str]:
    """Return the entries with an id each, and a note when the feed repeats ids.

    An item that says the same thing again is dropped. One id for different papers is no id: they go by their links, or
    where these are the same, too, by their titles.
    """
    homes: dict[str, set[str]] = {}
    titles: dict[str, set[str]] = {}
    for entry in entries:
        homes.setdefault(entry.entry_id, set()).add(entry.url)
        titles.setdefault(entry.entry_id, set()).add(entry.title)
    kept: dict[str, Entry] = {}
    for entry in entries:
        name = entry.entry_id
        if len(titles[name]) > 1 and entry.arxiv_id is None:
            is_linked = len(homes[name]) == len(titles[name]) and entry.url
            name = entry.url if is_linked else f"{name[:LONGEST_ID]}#{entry.title}"
        kept.setdefault(name, replace(entry, entry_id=name))
    repeated = sum(len(seen) > 1 for seen in titles.values())
    plural = "ids stand" if repeated > 1 else "id stands"
    note = f"{repeated} {plural} for several items each; links or titles were taken instead" if repeated else ""
    return list(kept.values()), note
