"""One look at web servers on loopback."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.sources.probe import WebProbe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FOLDER = Path(__file__).resolve().parents[2] / "support" / "tls"


@asynccontextmanager
async def saying(answer: str, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve one answer to everybody, and remember what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if b"content-length" in asked[-1].lower():
            asked.append(await reader.read(100))
        writer.write(answer.replace("\n", "\r\n").encode())
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


async def test_status_redirect_date_and_body() -> None:
    answer = "HTTP/1.1 302 Found\nLocation: /there\nDate: Tue, 24 Nov 2026 06:00:00 GMT\nContent-Length: 5\n\nhello"
    async with saying(answer) as (port, asked):
        found = await WebProbe().ask("POST", f"http://127.0.0.1:{port}/x", "a=b")
    assert (found.status, found.location, found.body) == (302, "/there", "hello")
    assert found.date == datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert found.certificate_until is None
    assert asked[0].startswith(b"POST /x ")
    assert b"application/x-www-form-urlencoded" in asked[0]
    assert asked[1] == b"a=b"


async def test_a_certificate_that_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(FOLDER / "loopback.pem")
    answer = "HTTP/1.1 200 OK\nContent-Length: 0\nDate: nonsense\n\n"
    monkeypatch.setenv("SSL_CERT_FILE", str(FOLDER / "authority.pem"))
    async with saying(answer, context) as (port, _):
        found = await WebProbe().ask("GET", f"https://localhost:{port}/")
    assert (found.status, found.date, found.fault) == (200, None, "")
    assert found.certificate_until is not None
    assert found.certificate_until.year > 2100


async def test_a_certificate_that_nobody_vouches_for() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(FOLDER / "loopback.pem")
    async with saying("HTTP/1.1 200 OK\n\n", context) as (port, _):
        found = await WebProbe().ask("GET", f"https://localhost:{port}/secret?token=1")
    assert "certificate" in found.fault.lower()
    assert "token" not in found.fault


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "no address", "http://[::", "ftp://example.org/"])
async def test_what_cannot_be_asked_is_a_fault(url: str) -> None:
    found = await WebProbe(timeout_s=2).ask("GET", url)
    assert found.fault
    assert found.status == 0


async def test_an_endless_body_is_cut() -> None:
    answer = "HTTP/1.1 200 OK\nContent-Length: 10000000\n\n" + "x" * 300_000
    async with saying(answer) as (port, _):
        found = await WebProbe().ask("GET", f"http://127.0.0.1:{port}/")
    assert 64 * 1024 < len(found.body) < 300_000
