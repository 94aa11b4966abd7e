"""Where providers post what came back: ``POST /bounces/NAME``, believed by its signature, answered when committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from newsletter.bounces.providers.base import MalformedError, RefusedError, Request
from newsletter.errors import ReadingError
from newsletter.web.guard import HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import starlette.requests
    from starlette.responses import Response

    from newsletter.wiring.bounces import BounceParts

logger = structlog.get_logger(__name__)


class BounceHooks:
    """The webhooks of those providers that are configured; ``parts`` returns what is in force now."""

    def __init__(self, parts: Callable[[], BounceParts], clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [Route(f"{HOOKS}{{provider}}", self.take, methods=["POST"])]

    async def take(self, request: starlette.requests.Request) -> Response:
        """Answer 200 once all events are committed: who gets another answer comes again, and that changes nothing.

        401 without the provider's signature, 400 for what its documentation does not describe, 404 for a provider that
        is not configured, 503 when the store or the provider's certificate cannot be had.
        """
        parts = self._parts()
        provider = parts.providers.get(request.path_params["provider"])
        if provider is None:
            raise HTTPException(404)
        posted = Request(dict(request.headers), await request.body(), self._clock())
        try:
            reports = await provider.read(posted)
        except RefusedError as error:
            logger.warning("bounce.refused", provider=provider.name, reason=str(error))
            return PlainTextResponse(f"refused: {error}\n", 401)
        except MalformedError as error:
            logger.warning("bounce.malformed", provider=provider.name, reason=str(error))
            return PlainTextResponse(f"not understood: {error}\n", 400)
        except ReadingError as error:
            logger.error("bounce.unverifiable", provider=provider.name, reason=str(error))  # noqa: TRY400 (one line)
            return PlainTextResponse("try again later\n", 503, headers={"Retry-After": "60"})
        for report in reports:
            await parts.desk.take(report, provider.name)
        return PlainTextResponse("ok\n")
