"""What mail comes back to, and what reads it, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.core.verp import MailKind
from newsletter.model import IssueKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from newsletter.core.verp import ReturnPaths
    from newsletter.model import Delivery


def sender_of(return_paths: ReturnPaths | None, address: str) -> Callable[[Delivery], str]:
    """Return what makes a delivery's envelope sender: a signed return path, or ``address`` where there are none."""
    if return_paths is None:
        return lambda _: address
    return lambda delivery: return_paths.make(
        MailKind.PROBE if delivery.kind is IssueKind.PROBE else MailKind.ISSUE, delivery.id
    )
