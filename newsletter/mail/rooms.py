"""How much of each paper a mail shows, so that no mail is cut by Gmail."""

from __future__ import annotations

from newsletter.mail.view import Room

HTML_BUDGET = 90_000
"""Bytes of HTML that a mail may have, the recipient's own words included: Gmail cuts what is over 102 kB."""
_FEW_PAPERS_BUDGET = 45_000  # up to twenty papers, which need no more
_SHELL, _EACH = 15_000, 1_500  # bytes of a mail without papers, and of each paper: twenty make 45,000, fifty 90,000
_VOTE = 80  # bytes of a link for a vote, beyond the web side's address

ROOMS = (
    Room(excerpt=420, title=300, url=2_000),
    *(Room(excerpt, title=240, url=1_000) for excerpt in (360, 320)),
    *(Room(excerpt, title=240, url=1_000, is_brief=True) for excerpt in (420, 360, 320, 280)),
    *(Room(excerpt, title=200, url=500, is_brief=True) for excerpt in (240, 200)),
    *(Room(excerpt, title=160, url=300, is_brief=True) for excerpt in (160, 110)),
    Room(excerpt=0, title=140, url=200, is_brief=True),
    *(Room(excerpt=0, title=title, url=150, is_brief=True, has_details=False) for title in (110, 60)),
    *(Room(0, title=60, url=100, is_brief=True, has_details=False, papers=papers) for papers in (60, 20, 5, 1)),
)
"""How much of each paper to show, from plenty to the titles alone; the last ones are for hundreds of papers."""


def html_budget(papers: int) -> int:
    """Return how many bytes of HTML a mail of so many papers may have: 45 kB for twenty, 90 kB for fifty or more."""
    return min(HTML_BUDGET, max(_FEW_PAPERS_BUDGET, _SHELL + _EACH * papers))


def cannot_do(room: Room, over: int, papers: int, link: int) -> bool:
    """Whether a mail of so many papers that was ``over`` too many bytes in the first room will be so in this one, too:
    it is not tried then. ``link`` is the length of the web side's address.
    """
    votes = 2 * (link + _VOTE) if room.is_brief else 0
    return room.excerpt > 0 and over > papers * (ROOMS[0].excerpt - room.excerpt + votes)
