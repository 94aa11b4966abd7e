"""What a sender has handed over and not yet seen recorded: it is waited for before the next text is begun, not sooner.

The commit of one mail takes place while the server is asked for the next one. Of those, nothing has left this machine
before the former is on the disk; so a process that is killed leaves no more in doubt than one mail for each sender.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from newsletter.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Endings:
    """One sender's; ``hurry`` is called when it begins to wait."""

    def __init__(self, hurry: Callable[[], None]) -> None:
        self._hurry = hurry
        self._under_way: list[asyncio.Task[None]] = []

    def begin(self, ending: Coroutine[None, None, None]) -> None:
        """Record beside what the sender does next."""
        self._under_way.append(asyncio.create_task(ending))

    async def done(self) -> None:
        """Return once everything is recorded; what kept something from it is raised, now and whenever it is asked."""
        if not all(task.done() for task in self._under_way):
            self._hurry()
        ends = await asyncio.gather(*self._under_way, return_exceptions=True)
        self._under_way = [task for task, end in zip(self._under_way, ends, strict=True) if end is not None]
        for end in ends:
            if end is not None:
                raise end

    async def done_or_store_error(self) -> None:
        """Do the same; whatever it was is raised as StoreError, which no way to a relay takes for an answer."""
        try:
            await self.done()
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(f"the mail before could not be recorded: {error}") from error
