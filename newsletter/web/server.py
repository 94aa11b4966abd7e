"""Serves the pages within the daemon's own process and event loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AsyncExitStack

    from starlette.applications import Starlette

STOP_S = 5


class PageServer(uvicorn.Server):
    """A server that leaves the signals to the daemon."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal: the daemon decides when everything stops."""
        yield


async def serve(app: Starlette, host: str, port: int, stack: AsyncExitStack) -> int:
    """Serve ``app`` until ``stack`` unwinds; return the port (a free one for 0). NewsletterError when it is taken."""
    listener = listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_S,
        server_header=False,
        proxy_headers=False,  # whom to believe is configured (newsletter.web.client), never guessed
    )
    server = PageServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))

    async def end() -> None:
        server.should_exit = True
        await task

    stack.push_async_callback(end)
    return int(listener.getsockname()[1])


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; NewsletterError in one line when that address or port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        reason = error.strerror or str(error)
        raise NewsletterError(
            f"cannot listen on {host} port {port}: {reason} — stop what uses it, or set another port (web.port)"
        ) from error
    # An answer leaves in two writes. Without this the second waits for the first one's receipt, which browsers delay by
    # 40 ms; connections inherit it, and asyncio sets it only where the socket says by name that it speaks TCP.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
