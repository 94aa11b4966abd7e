"""Links to papers that lead over our pages, to be counted by paper and issue, and equal for all who get a digest.

An address holds which paper it is of and a hash of where it leads, never the target itself: nobody can have us send
people elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from newsletter.languages import ENGLISH
from newsletter.mail.links import paper_links, paper_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from newsletter.mail.view import PaperView, SectionView
    from newsletter.model import Paper

LONGEST_URL: Final = 2_000
MARK_LENGTH: Final = 8


def mark_of(url: str) -> str:
    """Return by what an address is found again among those of its paper."""
    return hashlib.sha256(url.encode()).hexdigest()[:MARK_LENGTH]


def target_of(paper: Paper, mark: str) -> str:
    """Return where a counted link leads: to the address with this mark, or else the paper's own; empty without any."""
    own = paper_url(paper, LONGEST_URL)
    known = [own, *(link.url for link in paper_links(paper, LONGEST_URL, lambda: 0, ENGLISH))]
    return next((url for url in known if url and mark_of(url) == mark), own)


def counted(sections: Sequence[SectionView], go: Callable[[int, str], str]) -> tuple[SectionView, ...]:
    """Return sections whose papers' links are what ``go`` makes of the paper's id and the link's mark."""
    return tuple(
        replace(section, papers=tuple(_counted_paper(paper, go) for paper in section.papers)) for section in sections
    )


def _counted_paper(paper: PaperView, go: Callable[[int, str], str]) -> PaperView:
    links = tuple(replace(link, url=go(paper.id, mark_of(link.url))) for link in paper.links)
    url = go(paper.id, mark_of(paper.url)) if paper.url else ""
    # What was filled for the paper before holds the links of another issue, or plain ones.
    return replace(paper, url=url, links=links, _kept={}, _shown=[], _sizes={})
