"""Editor's picks: a curator names a paper, and what is not stored yet is asked for at arXiv."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from newsletter.core.identity import parse_arxiv_id, parse_doi
from newsletter.core.printable import one_line
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.model import Health, Pick, SourceState, gettext_noop
from newsletter.ports import PaperStore, VoiceStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from newsletter.model import Paper
    from newsletter.ports import Source

logger = structlog.get_logger(__name__)

CURATORS: Final = "curators"  # the source of papers that nothing but a pick has brought
LONGEST_NOTE: Final = 500
LONGEST_REFERENCE: Final = 2_000


class PickStore(PaperStore, VoiceStore, Protocol):
    """What picking a paper reads and writes."""


class PickError(NewsletterError):
    """A paper that cannot be picked as asked, in one line for the curator: ``message`` with ``values``, as languages
    say it; in English as text.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message % values)
        self.message = message
        self.values = values


TOO_LONG: Final = gettext_noop("the note is %(length)s characters long; at most %(most)s have room")
GONE: Final = gettext_noop("this paper is no longer here")
SEVERAL: Final = gettext_noop("“%(reference)s” names %(number)s papers; give the arXiv id of one")
UNKNOWN: Final = gettext_noop(
    "no paper here has this link, and only papers on arXiv can be asked for: give an arXiv id"
)
NOT_ASKED: Final = gettext_noop("arXiv could not be asked for %(arxiv_id)s: %(reason)s")
NOT_THERE: Final = gettext_noop("arXiv knows no paper %(arxiv_id)s")
NOT_STORED: Final = gettext_noop("what arXiv says of %(arxiv_id)s cannot be stored as a paper")


@dataclass(frozen=True, slots=True)
class Picking:
    """Picks papers. ``lookup`` returns what asks arXiv for one paper, by its bare id. ``curators`` are who may pick,
    and the number of the link to each one's page.
    """

    store: PickStore
    lookup: Callable[[str], Source]
    curators: Mapping[str, int]

    async def add(self, reference: str, curator: str, note: str, now: datetime) -> Paper:
        """Pick the paper that an arXiv id or a link names, and return it; a paper picked before gets the new note.

        PickError, in one line, when it names none, several, or one that cannot be had.
        """
        note = one_line(note)
        if len(note) > LONGEST_NOTE:
            raise PickError(TOO_LONG, length=len(note), most=LONGEST_NOTE)
        paper = await self.paper(reference.strip(), now)
        try:
            await self.store.pick(Pick(paper.id, curator, note, now))
        except NotFoundError as error:
            raise PickError(GONE) from error
        logger.info("pick.added", paper=paper.id)
        return paper

    async def paper(self, reference: str, now: datetime) -> Paper:
        """Return the paper that a reference names, asked for at arXiv where it is not stored; PickError without one."""
        found = await self._stored(reference)
        if len(found) > 1:
            raise PickError(SEVERAL, reference=reference, number=len(found))
        if found:
            return found[0]
        named = parse_arxiv_id(reference) if len(reference) <= LONGEST_REFERENCE else None
        if named is None:
            raise PickError(UNKNOWN)
        return await self._from_arxiv(named[0], now)

    async def _stored(self, reference: str) -> list[Paper]:
        """Return the stored papers that an identifier or link names: a part of a title would name the wrong one."""
        is_exact = parse_arxiv_id(reference) or parse_doi(reference) or "://" in reference
        return await self.store.find_papers(reference) if is_exact and len(reference) <= LONGEST_REFERENCE else []

    async def _from_arxiv(self, arxiv_id: str, now: datetime) -> Paper:
        result = await self.lookup(arxiv_id).fetch(SourceState(CURATORS))
        if result.fault is not None:
            raise PickError(NOT_ASKED, arxiv_id=arxiv_id, reason=result.fault.message)
        entries = [entry for entry in result.entries if entry.arxiv_id == arxiv_id]
        if not entries:
            raise PickError(NOT_THERE, arxiv_id=arxiv_id)
        # Never a success: so each of its papers counts as a source's first, and is no news for its age.
        state = SourceState(CURATORS, last_checked_at=now, health=Health.FRESH)
        await self.store.save_collection(state, entries[:1], now)
        found = await self.store.find_papers(arxiv_id)
        if not found:
            raise PickError(NOT_STORED, arxiv_id=arxiv_id)
        return found[0]
