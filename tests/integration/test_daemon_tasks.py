"""Tasks of the daemon by themselves: what is forgotten at every tick, and who reads what comes back."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.bounces.lmtp import LmtpReader
from newsletter.bounces.maildir import MaildirReader
from newsletter.daemon.bounces import BounceReading
from newsletter.daemon.line import Line
from newsletter.daemon.reloading import Reloading
from newsletter.daemon.running import Running
from newsletter.model import Bounce, BounceKind, Verdict
from newsletter.notify import Notifier
from newsletter.wiring.application import open_application
from tests.support.command_line import make_command_line
from tests.support.databases import migrated_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["migrated_file"]


@pytest.fixture
async def running(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Running]:
    async with open_application(make_command_line(tmp_path, migrated_file).directory) as application:
        running = Running(application, Notifier(""))
        running.parts = running.build_parts()
        yield running
        await running.parts.aclose()


async def test_what_came_back_before_the_kept_days_is_forgotten(running: Running) -> None:
    store, now = running.application.store, running.application.now()
    for days in (399, 401, 500):
        at = now - timedelta(days=days)
        await store.record_bounce(Bounce(BounceKind.SOFT, "imap", at, str(days)), lambda _: Verdict())
    await Line(running, Reloading(running))._forget()
    assert [each.event_key for each in await store.list_bounces()] == ["399"]


@pytest.mark.parametrize(("is_ours", "read"), [(True, 1), (False, None)])
async def test_a_mailbox_that_another_process_reads_is_left_alone(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_ours: bool, read: int | None
) -> None:
    asked: list[str] = []
    (tmp_path / "new").mkdir()
    (tmp_path / "cur").mkdir()
    (tmp_path / "new" / "1").write_bytes(b"Subject: returned\r\n\r\n")

    @asynccontextmanager
    async def reading(mailbox: str) -> AsyncIterator[bool]:
        asked.append(mailbox)
        yield is_ours

    monkeypatch.setattr(running.application, "store", Wrapped(running.application.store, reading=reading))
    look = BounceReading(running)._look
    assert await look(MaildirReader(tmp_path, 1), running.parts.bounces) == read
    assert (tmp_path / "new" / "1").exists() is not is_ours
    assert asked == ["maildir"]
    assert not LmtpReader.is_shared, "a listener is its own process's: nobody has to be asked"


class Wrapped:
    """A store with some of its methods replaced."""

    def __init__(self, store: object, **replaced: Any) -> None:
        self._store, self._replaced = store, replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._store, name)
