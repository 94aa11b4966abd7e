"""The API's place among the pages: nothing at all before there is a token, and built when it is first asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import Mount

from newsletter.service.search import WordSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from starlette.types import ASGIApp, Receive, Scope, Send

    from newsletter.ports import Store
    from newsletter.service.bounces import BounceDesk
    from newsletter.settings.load import Configuration
    from newsletter.web.pages import Pages

ROOT: Final = "/api/v1"


@dataclass(slots=True)
class ApiMount:
    """ASGI application: the API, or 404 where there is none.

    ``configuration``, ``desk`` and ``templates`` (their names) return what is in force now; ``clock`` the time, aware
    and in UTC.
    """

    store: Store
    pages: Pages
    clock: Callable[[], datetime]
    configuration: Callable[[], Configuration]
    desk: Callable[[], BounceDesk]
    templates: Callable[[], Collection[str]]
    _app: ASGIApp | None = field(default=None, init=False)

    def routes(self) -> list[Mount]:
        """Return where it is found."""
        return [Mount(ROOT, app=self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not self.configuration().settings.api.tokens:
            raise HTTPException(404)
        if self._app is None:
            self._app = self._build()
        await self._app(scope, receive, send)

    def _build(self) -> ASGIApp:
        # FastAPI takes a third of a second and 20 MB: only where there is an API.
        from newsletter.web.api.application import create_api  # noqa: PLC0415
        from newsletter.web.api.routing import ApiParts  # noqa: PLC0415

        parts = ApiParts(
            store=self.store,
            search=WordSearch(self.store),
            clock=self.clock,
            configuration=self.configuration,
            desk=self.desk,
            templates=self.templates,
            base_url=self.pages.base_url,
        )
        return create_api(
            parts,
            self._page,
            self.store,
            lambda: self.configuration().settings.api.known,
            lambda: self.configuration().settings.api.requests_per_minute,
        )

    def _page(self, document: dict[str, Any]) -> Any:
        return self.pages.answer("api.html", document=document, endpoints=endpoints_of(document), path=f"{ROOT}/")


def endpoints_of(document: dict[str, Any]) -> list[tuple[str, list[dict[str, str]]]]:
    """Return what an OpenAPI document describes, by kind of thing, in its order."""
    found: dict[str, list[dict[str, str]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            told = {"method": method.upper(), "path": path, "scope": operation["x-scope"]}
            words = {name: operation.get(name, "") for name in ("summary", "description")}
            found.setdefault(operation["tags"][0], []).append({**told, **words})
    return list(found.items())
