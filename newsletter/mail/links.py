"""Where a paper can be read: links that are safe to print, and none that are not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from newsletter.core.printable import printable
from newsletter.model import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.languages import Language
    from newsletter.model import Paper

# arXiv makes HTML of most papers since December 2023; where it could not, its page says so.
_WITH_HTML = re.compile(r"(?:2312|2[4-9]\d\d|[3-8]\d{3})\.\d{5}", re.ASCII)
_WEB = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_KEPT = "!#$%&'()*+,/:;=?@[]~"  # with letters, digits and "-._": what RFC 3986 lets stand, and "%" already encoded


@dataclass(slots=True)
class LinkView:
    """A link under a paper; ``number`` counts through the whole mail, ``stars`` belong to a code repository."""

    number: int
    label: str
    url: str
    stars: int | None = None


@lru_cache(maxsize=8192)  # the digests of one day share their papers
def web_url(url: str | None, limit: int) -> str:
    """Return an http(s) address in ASCII without white space, or "" for anything else and for what is longer than
    ``limit`` characters.
    """
    text = printable(url or "").strip()
    if not _WEB.match(text):
        return ""
    try:
        text = _without_brackets(quote(_ascii_host(text), safe=_KEPT))
    except ValueError:
        return ""
    return text if len(text) <= limit else ""


def paper_url(paper: Paper, limit: int) -> str:
    """Return where a paper's title leads: its page, or what its identifiers say that is."""
    if url := web_url(paper.url, limit):
        return url
    if paper.arxiv_id:
        return web_url(f"https://arxiv.org/abs/{paper.arxiv_id}", limit)
    return web_url(f"https://doi.org/{paper.doi}", limit) if paper.doi else ""


def paper_links(paper: Paper, limit: int, next_number: Callable[[], int], language: Language) -> tuple[LinkView, ...]:
    """Return the links under a paper: abstract, PDF, HTML, code and discussion, as far as they are known."""
    community = paper.community
    found = (
        (_title_label(paper), paper_url(paper, limit), None),
        ("PDF", _pdf_url(paper, limit), None),
        ("HTML", _html_url(paper, limit), None),
        (gettext_noop("Code"), web_url(community.code_url, limit), community.code_stars),
        (_page_label(community.page_url), web_url(community.page_url, limit), None),
    )
    seen: set[str] = set()
    views = []
    for label, url, stars in found:
        if url and url not in seen:
            seen.add(url)
            views.append(LinkView(next_number(), language.gettext(label), url, stars))
    return tuple(views)


def _title_label(paper: Paper) -> str:
    has_abstract_page = paper.arxiv_id or paper.doi or paper.pdf_url
    return gettext_noop("Abstract") if has_abstract_page else gettext_noop("Read")


def _pdf_url(paper: Paper, limit: int) -> str:
    if paper.pdf_url:
        return web_url(paper.pdf_url, limit)
    return web_url(f"https://arxiv.org/pdf/{paper.arxiv_id}", limit) if paper.arxiv_id else ""


def _html_url(paper: Paper, limit: int) -> str:
    has_html = paper.arxiv_id is not None and _WITH_HTML.fullmatch(paper.arxiv_id)
    return web_url(f"https://arxiv.org/html/{paper.arxiv_id}", limit) if has_html else ""


@lru_cache(maxsize=1024)
def _page_label(url: str | None) -> str:
    try:
        host = urlsplit(url or "").hostname or ""
    except ValueError:
        return gettext_noop("Discussion")
    is_hugging_face = host == "huggingface.co" or host.endswith(".huggingface.co")
    return "Hugging Face" if is_hugging_face else gettext_noop("Discussion")


def _without_brackets(url: str) -> str:
    """Return ``url`` with the brackets encoded that stand outside an IPv6 host (RFC 3986, 3.2.2)."""
    host = _WEB.match(url)
    end = host.end() if host else 0
    return url[:end] + url[end:].replace("[", "%5B").replace("]", "%5D")


def _ascii_host(url: str) -> str:
    """Return ``url`` with a host that is not ASCII as A-labels; ValueError when it has none."""
    if url.isascii():
        return url
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode("ascii")
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=host + port).geturl()
