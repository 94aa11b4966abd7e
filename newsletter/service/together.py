"""Questions of many senders put to the store together: what comes in while one is under way shares the next."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Together(Generic[Question, Answer]):
    """Asks ``work``, which answers several questions in one transaction, one batch at a time."""

    def __init__(self, work: Callable[[list[Question]], Awaitable[Sequence[Answer]]]) -> None:
        self._work = work
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """Return the answer; what ``work`` raises is raised by all whose questions were in its batch."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answered))
        if self._worker is None:
            self._worker = asyncio.create_task(self._answer())
        return await answered

    async def _answer(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    answers = await self._work([question for question, _ in batch])
                except Exception as error:  # noqa: BLE001 (handed to those who wait, who raise it)
                    _end(batch, error)
                else:
                    for (_, answered), answer in zip(batch, answers, strict=True):
                        if not answered.done():  # whoever waited was cancelled
                            answered.set_result(answer)
        finally:
            self._worker = None


def _end(batch: Sequence[tuple[Question, asyncio.Future[Answer]]], error: Exception) -> None:
    for _, answered in batch:
        if not answered.done():
            answered.set_exception(error)
