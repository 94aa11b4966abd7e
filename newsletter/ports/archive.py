"""The archive of issues, as readers who are not known may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from newsletter.model import ArchivedIssue, ArchivedPaper


class ArchiveStore(Protocol):
    """Which papers each profile's issues brought: written as issues are planned, never changed by who leaves.

    A paper stands in the first issue of a profile that brought it. Keywords of readers' own are no profile, and newer
    versions of a paper are no news. A welcome digest, which looks back for one reader, counts only for a profile that
    has no issue yet.
    """

    async def archived_issues(
        self, profiles: Collection[str], days: int, before: date | None = None
    ) -> list[ArchivedIssue]:
        """Return the issues of the newest so many days (before ``before``), newest day first, then by profile."""

    async def archived_issue(self, profile: str, issue_date: date) -> list[ArchivedPaper]:
        """Return what a profile's issue of a date brought, best first; empty when there was none."""

    async def neighbouring_issues(self, profile: str, issue_date: date) -> tuple[date | None, date | None]:
        """Return the dates of the profile's last issue before this one, and of the first after it."""
