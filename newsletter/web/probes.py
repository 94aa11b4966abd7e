"""What machines ask: is it alive, is it ready, and how is it doing."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from newsletter.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Probes:
    """The answers to ``/healthz``, ``/readyz`` and ``/metrics``.

    ``health`` returns what is said as JSON: its ``ok`` decides between 200 and 503. ``unready`` returns why nobody
    should be sent here; ``check_store`` raises StoreError when the database does not answer or has another schema.
    ``exposition`` returns all figures and their media type for an Accept header, to who shows ``metrics_token``.
    """

    health: Callable[[], Mapping[str, object]]
    unready: Callable[[], Sequence[str]]
    check_store: Callable[[], Awaitable[None]]
    exposition: Callable[[str], Awaitable[tuple[bytes, str]]]
    metrics_token: str | None = None

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]

    async def healthz(self, _: Request) -> Response:
        """Answer 200 when all is well and 503 when it is not, with the reason."""
        report = dict(self.health())
        return JSONResponse(report, 200 if report.get("ok") else 503)

    async def readyz(self, _: Request) -> Response:
        """Answer 200 when everything works that a request may need, and 503 with the reasons when not."""
        reasons = list(self.unready())
        try:
            await self.check_store()
        except StoreError as error:
            reasons.append(str(error))
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def metrics(self, request: Request) -> Response:
        """Answer with the figures, or 401 to who does not show the token."""
        if not self._may_read(request.headers.get("authorization", "")):
            headers = {"WWW-Authenticate": 'Bearer realm="metrics"'}
            return PlainTextResponse("the metrics need a bearer token: web.metrics_token\n", 401, headers)
        content, media_type = await self.exposition(request.headers.get("accept", ""))
        return Response(content, headers={"Content-Type": media_type})

    def _may_read(self, authorization: str) -> bool:
        if self.metrics_token is None:
            return True
        scheme, _, shown = authorization.partition(" ")
        is_right = hmac.compare_digest(shown.strip().encode(), self.metrics_token.encode())
        return scheme.lower() == "bearer" and is_right
