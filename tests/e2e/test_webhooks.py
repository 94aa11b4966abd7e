"""A real daemon that tells a webhook, killed between an event and its posting."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import yaml

from tests.support.daemon import DaemonProcess, run_command
from tests.support.documents import take_off_the_network
from tests.support.receiver import SECRET, Receiver, running_receiver

if TYPE_CHECKING:
    from pathlib import Path


def configured(directory: Path, url: str) -> None:
    assert run_command(directory, "init", str(directory)).returncode == 0
    take_off_the_network(directory)
    path = directory / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    crm = {"url": url, "secret": SECRET, "events": ["subscriber.subscribed", "issue.sent"]}
    settings["webhooks"] = {"endpoints": {"crm": {**crm, "allow_private_addresses": True, "include_address": True}}}
    path.write_text(yaml.safe_dump(settings))


def state_of(directory: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(directory / "data" / "newsletter.db")) as database:
        return database.execute("SELECT state, attempts FROM postings WHERE address LIKE 'new%'").fetchall()


async def until_told(receiver: Receiver, kind: str) -> None:
    async with asyncio.timeout(150):
        while kind not in [told.event["type"] for told in receiver.accepted]:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.1)


async def test_what_was_committed_before_kill_9_is_told_after_it(tmp_path: Path) -> None:
    directory = tmp_path / "newsletter"
    async with running_receiver() as receiver:
        await asyncio.to_thread(configured, directory, receiver.url)
        receiver.status = 503
        with DaemonProcess(directory) as daemon:
            await asyncio.to_thread(daemon.url)
            added = await asyncio.to_thread(run_command, directory, "subscribers", "add", "new@example.org")
            assert added.returncode == 0, added.stderr
            assert [state for state, _ in state_of(directory)] == ["waiting"]
            daemon.signal(signal.SIGKILL)
            daemon.process.wait(10)
        receiver.status = 200
        again = await asyncio.to_thread(run_command, directory, "webhooks", "retry", "crm")
        assert again.returncode == 0, again.stderr
        with DaemonProcess(directory) as daemon:
            await asyncio.to_thread(daemon.url)
            await until_told(receiver, "subscriber.subscribed")
            await until_told(receiver, "issue.sent")
            assert daemon.get("/metrics").count('newsletter_webhook_posts_total{outcome="accepted",webhook="crm"}') == 1
    ids = [told.id for told in receiver.accepted]
    assert len(ids) == len(set(ids))
    assert not receiver.forged
    addresses = [told.event["data"].get("address") for told in receiver.accepted]
    assert addresses.count("new@example.org") == 1
