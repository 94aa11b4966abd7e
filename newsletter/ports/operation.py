"""What an operator has stopped, and where the store is at home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from newsletter.model import Pause, PauseScope, Place, Seal


class OperationStore(Protocol):
    """Pauses, which last until somebody ends them, and the seal."""

    async def pauses(self) -> list[Pause]:
        """Return everything that is paused, everything first."""

    async def pause(self, pause: Pause) -> bool:
        """Pause something; return whether it was not paused before. If it was, the reason alone is changed."""

    async def unpause(self, scope: PauseScope, name: str) -> bool:
        """End a pause; return whether there was one. Deliveries that it made wait are due again at once."""

    async def here(self) -> Place:
        """Return where this store is."""

    async def seal(self) -> Seal | None:
        """Return where the store is at home, None when nobody has sent from it yet."""

    async def settle_here(self, now: datetime, *, moving: bool) -> Seal:
        """Make this place the store's home where it has none, or with ``moving`` whichever it has; return the seal."""
