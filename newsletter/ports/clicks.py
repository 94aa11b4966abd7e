"""Where clicks are counted: by paper and issue, and by nobody's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


class ClickStore(Protocol):
    """How often papers were followed from mails."""

    async def count_click(self, issue_date: date, paper_id: int) -> None:
        """Count one more."""

    async def clicks(self, since: date, until: date | None = None) -> Mapping[tuple[date, int], int]:
        """Return the counts of these issues by (issue date, paper), under the ids that the papers have now."""
