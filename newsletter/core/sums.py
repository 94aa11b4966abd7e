"""Whether an issue adds up, in words.

planned = accepted + deferred + rejected + suppressed + expired + superseded + unknown + in flight + forgotten
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from newsletter.model import Inconsistency, IssueSums


def unclosed(sums: Iterable[IssueSums]) -> list[IssueSums]:
    """Return those that do not add up."""
    return [issue for issue in sums if not issue.is_closed]


def shortfall(issue: IssueSums) -> str:
    """Return in one line by what an issue does not add up."""
    found = issue.planned - issue.difference
    off = f"{issue.difference:,} missing" if issue.difference > 0 else f"{-issue.difference:,} too many"
    counts = f"{issue.planned:,} planned, {found:,} accounted for: {off}"
    return f"the sum of the issue of {issue.issue_date} does not close: {counts}"


def sums_fault(sums: Iterable[IssueSums]) -> str:
    """Return what is wrong with these sums in one line, or an empty text when all of them close."""
    wrong = unclosed(sums)
    if not wrong:
        return ""
    more = f" (and {len(wrong) - 1} more issues)" if len(wrong) > 1 else ""
    return shortfall(wrong[-1]) + more


def flaw_sentence(found: Inconsistency) -> str:
    """Return a flaw of the ledger in one line, with the first deliveries that have it."""
    numbers = ", ".join(str(number) for number in found.examples)
    more = ", …" if found.count > len(found.examples) else ""
    noun = "delivery" if found.count == 1 else "deliveries"
    return f"{found.count:,} {noun} {found.flaw}: {numbers}{more}"


def total_difference(sums: Sequence[IssueSums]) -> int:
    """Return by how many mails these sums do not close, whichever way."""
    return sum(abs(issue.difference) for issue in sums)
