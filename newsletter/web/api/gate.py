"""Who comes in: a bearer token that is known (RFC 6750), and no more requests than it may make."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog
from starlette.datastructures import Headers, MutableHeaders

from newsletter.core.access import Scope, find_token
from newsletter.web.api.problems import RefusedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Send
    from starlette.types import Scope as AsgiScope

    from newsletter.core.access import Token

logger = structlog.get_logger(__name__)

PUBLIC: Final = frozenset({"/", "/openapi.json"})
REALM: Final = 'Bearer realm="newsletter"'
MINUTE_S: Final = 60.0


@dataclass(slots=True)
class Allowance:
    """What is left of one token's requests: as many as may be made in a minute, growing back steadily."""

    left: float
    at: float

    def take(self, most: int, now: float) -> float:
        """Take one request and return 0, or in how many seconds there is one."""
        self.left = min(self.left + max(now - self.at, 0) * most / MINUTE_S, most)
        self.at = now
        if self.left < 1:
            return (1 - self.left) * MINUTE_S / most
        self.left -= 1
        return 0.0


@dataclass(slots=True)
class Gate:
    """ASGI middleware: 401 without a token, 429 beyond its rate; who came in is ``request.state.token``.

    ``tokens`` and ``most_per_minute`` return what is in force now. ``monotonic`` is a clock that nobody sets.
    """

    app: ASGIApp
    tokens: Callable[[], Iterable[Token]]
    most_per_minute: Callable[[], int]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    _allowances: dict[str, Allowance] = field(default_factory=dict)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in PUBLIC:
            await self.app(scope, receive, send)
            return
        try:
            token = self._token(Headers(scope=scope))
            limits = self._limits(token)
        except RefusedError as error:
            await error.answer(scope, receive, send)
            return

        async def limited(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(limits)
            await send(message)

        # RFC 9110 section 9.3.2: HEAD is GET without the content, which the server leaves out.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        state = {**scope.get("state", {}), "token": token}
        await self.app({**scope, "method": method, "state": state}, receive, limited)

    def _token(self, headers: Headers) -> Token:
        kind, _, presented = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not presented.strip():
            raise RefusedError(401, "token_missing", "A bearer token is needed.", headers={"WWW-Authenticate": REALM})
        token = find_token(self.tokens(), presented.strip(), self.clock().date())
        if token is None:
            logger.warning("api.refused", reason="unknown or expired token")
            challenge = {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}
            raise RefusedError(401, "token_unknown", "The token is not known, or has expired.", headers=challenge)
        return token

    def _limits(self, token: Token) -> dict[str, str]:
        """Return what the token's owner is told of its rate; RefusedError (429) when it is used up."""
        most, now = self.most_per_minute(), self.monotonic()
        allowance = self._allowances.setdefault(token.name, Allowance(most, now))
        wait_s = allowance.take(most, now)
        policy = f'"token";q={most};w={MINUTE_S:.0f}'
        told = {"RateLimit-Policy": policy, "RateLimit": f'"token";r={int(allowance.left)}'}
        if wait_s:
            detail = f"This token may make {most} requests in a minute."
            raise RefusedError(
                429, "too_many_requests", detail, headers={**told, "Retry-After": f"{wait_s + 0.999:.0f}"}
            )
        return told


def allow(request: Request, scope: Scope) -> None:
    """Let a request pass whose token has ``scope``; RefusedError (403) otherwise."""
    token: Token = request.state.token
    if scope not in token.scopes:
        challenge = f'{REALM}, error="insufficient_scope", scope="{scope}"'
        detail = f"The token has not the scope {scope}."
        raise RefusedError(403, "scope_missing", detail, headers={"WWW-Authenticate": challenge})
