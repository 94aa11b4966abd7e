"""What readers and curators say of papers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from newsletter.model import Pick, SavedPaper, Voice, Vote, VoteValue


class VoiceStore(Protocol):
    """Votes and saved papers by reader, and picks by curator.

    A paper that became part of another takes along what was said of it; where somebody spoke of both, their newest word
    stands. A subscriber's removal removes their votes and saved papers. Each vote is in the trending order, and in what
    ``papers`` tells of a paper's votes, as soon as the method returns.
    """

    async def cast_vote(self, subscriber_id: int, paper_id: int, value: VoteValue | None, now: datetime) -> None:
        """Note what a reader says of a paper, in place of what they said before; None takes it back.

        The same again changes nothing, not even the time. NotFoundError when there is no such reader or paper.
        """

    async def save_paper(self, subscriber_id: int, paper_id: int, now: datetime) -> None:
        """Keep a paper for a reader; again changes nothing. NotFoundError when there is no such reader or paper."""

    async def unsave_paper(self, subscriber_id: int, paper_id: int) -> None:
        """Let go of a reader's saved paper, whether or not there is one."""

    async def voice(self, subscriber_id: int, paper_id: int) -> Voice:
        """Return what a reader has to do with a paper; NotFoundError when there is no such reader."""

    async def votes_of(self, subscriber_id: int) -> list[Vote]:
        """Return a reader's votes, newest first."""

    async def saved_papers(self, subscriber_id: int, limit: int, offset: int = 0) -> list[SavedPaper]:
        """Return a stretch of the papers that a reader keeps, newest first."""

    async def pick(self, pick: Pick) -> None:
        """Note a curator's pick; of one that is there, the note alone changes. NotFoundError without such a paper."""

    async def remove_pick(self, paper_id: int, curator: str) -> bool:
        """Remove a curator's pick; return whether there was one."""

    async def picks(
        self, *, since: datetime | None = None, curator: str | None = None, limit: int | None = None
    ) -> list[Pick]:
        """Return picks (made since then; by this curator), newest first."""

    async def picks_of(self, paper_ids: Collection[int]) -> dict[int, list[Pick]]:
        """Return the picks of papers by the ids asked for, the first made first; papers without any are left out."""

    async def voice_changes(self) -> int:
        """Return a number that grows whenever votes or picks change."""
