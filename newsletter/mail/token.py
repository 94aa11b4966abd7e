"""Access tokens for XOAUTH2, from a command of the operator's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from typing import Final

COMMAND_TIMEOUT_S: Final = 60.0
OUTPUT_LIMIT: Final = 16 * 1024  # octets; tokens of the large providers have up to some 2,500
TOKEN: Final = re.compile(rb"[\x21-\x7e]+")  # what RFC 6750 allows, and nothing that could forge another field


class TokenError(Exception):
    """No token was to be had; the message says why, and holds nothing that the command printed."""


class TokenSource:
    """Runs the command when a token is needed and keeps what it prints, in memory only.

    Connections that open at the same time share one run. The command is not run in a shell; its output is never
    logged, and its error output is thrown away, since either may hold a secret.
    """

    def __init__(
        self, command: tuple[str, ...], lifetime_s: float | None = None, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> None:
        self._command = command
        self._lifetime_s = lifetime_s
        self._timeout_s = timeout_s
        self._running = asyncio.Lock()
        self._token = ""
        self._expires_at = float("inf")

    async def token(self, refused: str = "") -> str:
        """Return a token that is not ``refused``, if the command can help it; TokenError when it gives none."""
        async with self._running:
            now = asyncio.get_running_loop().time()
            if not self._token or self._token == refused or now >= self._expires_at:
                self._token = ""
                self._token = await self._fetch()
                self._expires_at = float("inf") if self._lifetime_s is None else now + self._lifetime_s
            return self._token

    async def _fetch(self) -> str:
        name = self._command[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise TokenError(f"token_command {name} cannot be run: {error.strerror or error}") from None
        try:
            async with asyncio.timeout(self._timeout_s):
                printed = await _read(process)
                code = await process.wait()
        except TimeoutError:
            raise TokenError(f"token_command {name} took more than {self._timeout_s:g} seconds") from None
        finally:
            await _end(process)
        if code != 0:
            raise TokenError(f"token_command {name} ended with code {code}")
        token = printed.strip()
        if len(printed) > OUTPUT_LIMIT or TOKEN.fullmatch(token) is None:
            raise TokenError(f"token_command {name} did not print one access token, alone on a line")
        return token.decode("ascii")


async def _read(process: asyncio.subprocess.Process) -> bytes:
    """Return what the process prints, up to a little more than we take."""
    assert process.stdout is not None  # noqa: S101 (it was opened with a pipe)
    printed = bytearray()
    while len(printed) <= OUTPUT_LIMIT and (piece := await process.stdout.read(OUTPUT_LIMIT)):
        printed += piece
    if len(printed) > OUTPUT_LIMIT:
        _kill(process)
    return bytes(printed)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave nothing of it running, whatever it started."""
    _kill(process)
    await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
