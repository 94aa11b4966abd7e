"""Alerts to a real server on loopback."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from newsletter.model import Notice
from newsletter.sources.webhook import WebhookAnnouncer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOTICES = [
    Notice("line", "the disk is full – «voll»", NOW),
    Notice("source:arxiv", "the source arxiv cannot be read", NOW, is_over=True),
]


@asynccontextmanager
async def server(answer: bytes, heard: list[bytes]) -> AsyncIterator[str]:
    """Answer each request with ``answer`` (nothing at all when it is empty) and yield the address."""

    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        heard.append(head + await reader.readexactly(length))
        if answer:
            writer.write(answer)
            await writer.drain()
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hooks/secret-key"
        await asyncio.gather(*serving)


async def test_it_posts_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    heard: list[bytes] = []
    async with server(b"HTTP/1.1 204 No Content\r\n\r\n", heard) as url:
        assert await WebhookAnnouncer(url, "Preprint").announce(NOTICES, NOW) is None
    (request,) = heard
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hooks/secret-key HTTP/1.1")
    assert b"content-type: application/json" in head.lower()
    told = json.loads(body)
    assert told["text"] == "Preprint:\nWrong: the disk is full – «voll»\nOver: the source arxiv cannot be read"
    assert [alert["state"] for alert in told["alerts"]] == ["wrong", "over"]
    assert told["alerts"][1] | {"summary": ""} == {
        "condition": "source:arxiv",
        "state": "over",
        "summary": "",
        "since": "2026-03-02T09:00:00+00:00",
    }


async def test_what_went_wrong_is_told_without_the_address() -> None:
    heard: list[bytes] = []
    async with server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", heard) as url:
        fault = await WebhookAnnouncer(url, "Preprint").announce(NOTICES, NOW)
    assert fault == "the webhook answered 403"
    refused = await WebhookAnnouncer(url, "Preprint").announce(NOTICES, NOW)
    assert refused is not None
    assert "no connection" in refused
    assert "secret-key" not in refused


async def test_a_redirect_is_not_followed() -> None:
    heard: list[bytes] = []
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    async with server(moved, heard) as url:
        assert await WebhookAnnouncer(url, "Preprint").announce(NOTICES, NOW) == "the webhook answered 302"


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    async with server(b"", []) as url:
        fault = await WebhookAnnouncer(url, "Preprint", timeout_s=0.2).announce(NOTICES, NOW)
    assert fault is not None
    assert "silent" in fault
