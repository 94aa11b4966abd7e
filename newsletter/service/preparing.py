"""Digests rendered once for all who get them, in a bounded memory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.ports import Prepared, Renderer, Store


class PreparedDigests:
    """The digests used last, at most ``size``, ready to compose messages from.

    A digest that cannot be rendered is remembered as well, so that 100,000 subscribers do not render it 100,000 times.
    """

    def __init__(self, store: Store, renderer: Renderer, size: int) -> None:
        self._store = store
        self._renderer = renderer
        self._size = size
        self._profiles: dict[int, frozenset[str]] = {}
        self._tasks: OrderedDict[int, asyncio.Task[Prepared]] = OrderedDict()

    async def get(self, digest_id: int) -> Prepared:
        """Return the rendered digest; who asks at the same time waits for the same rendering.

        Raises what the renderer and the store raise.
        """
        task = self._tasks.get(digest_id)
        if task is None:
            task = asyncio.create_task(self._prepare(digest_id))
            self._tasks[digest_id] = task
            while len(self._tasks) > self._size:
                self._tasks.popitem(last=False)
        else:
            self._tasks.move_to_end(digest_id)
        return await asyncio.shield(task)

    async def profiles(self, digest_id: int) -> frozenset[str]:
        """Return the names of the profiles whose papers a digest holds."""
        if digest_id not in self._profiles:
            digest = await self._store.digest(digest_id)
            self._profiles[digest_id] = frozenset(section.profile for section in digest.sections)
        return self._profiles[digest_id]

    async def _prepare(self, digest_id: int) -> Prepared:
        digest = await self._store.digest(digest_id)
        papers = await self._store.papers(digest.paper_ids)
        return self._renderer.prepare(digest, papers)
