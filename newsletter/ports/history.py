"""What is remembered of days gone by, and which logins were ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date, datetime

    from newsletter.model import BounceKind, DayOfGrowth, IssueRun, ProfileVoices, SourceDay


class HistoryStore(Protocol):
    """Days gone by, for those who look back: counted as things happen, and without anybody's name."""

    async def growth(self, since: date, until: date) -> list[DayOfGrowth]:
        """Return every day of this range, oldest first, also those on which nobody moved."""

    async def source_days(self, since: date) -> list[SourceDay]:
        """Return how each source was on each day on which it was asked, by name and day."""

    async def issue_runs(self, since: date) -> list[IssueRun]:
        """Return when each issue of these dates was planned, oldest first."""

    async def accepted_by_hour(self, issue_date: date) -> list[tuple[datetime, int]]:
        """Return how many mails of an issue were accepted in each hour (its beginning), oldest first; hours without
        any are left out.
        """

    async def bounces_by_day(self, since: date) -> dict[tuple[date, BounceKind], int]:
        """Return how many bounces of each kind were recorded on each day (UTC) since then."""

    async def profile_voices(self, since: date) -> list[ProfileVoices]:
        """Return what readers said of the mails of issues since then, by profile; all personal keywords are one profile
        of the name ``personal:``.
        """


class SessionStore(Protocol):
    """Logins that were ended before their time."""

    async def end_session(self, session_id: str, expires_at: datetime, now: datetime) -> None:
        """Remember that a session was ended, until it would have expired; forget those that have."""

    async def is_session_ended(self, session_id: str) -> bool:
        """Return whether somebody ended this session."""
