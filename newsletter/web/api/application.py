"""The API as one application, and the document that describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from newsletter import __version__
from newsletter.core.access import Scope, Token
from newsletter.ports import RequestStore
from newsletter.web.api.gate import Gate
from newsletter.web.api.intake import Intake
from newsletter.web.api.issues import Issues
from newsletter.web.api.papers import Papers
from newsletter.web.api.problems import HANDLERS, Handler, Problem, on_http
from newsletter.web.api.profiles import Profiles
from newsletter.web.api.returns import Returns
from newsletter.web.api.routing import ApiParts, Resource
from newsletter.web.api.subscribers import Subscribers

ROOT: Final = "/api/v1"
DESCRIPTION: Final = (
    "The same services as the command line, for programs that hold a token. Times are in UTC (RFC 3339). Every fault "
    "is a problem document (RFC 9457). Lists go on with `next_cursor`. See docs/api.md."
)


def create_api(
    parts: ApiParts,
    page: Callable[[dict[str, Any]], Response],
    store: RequestStore,
    tokens: Callable[[], Iterable[Token]],
    most_per_minute: Callable[[], int],
) -> Gate:
    """Return the API as an ASGI application, to be mounted at :data:`ROOT`.

    ``page`` makes the page for people out of the OpenAPI document. ``tokens`` and ``most_per_minute`` return what is
    in force now.
    """
    resources: list[Resource] = [
        Subscribers(parts).resource(),
        Profiles(parts).resource(),
        Papers(parts).resource(),
        *Issues(parts).resources(),
        *Returns(parts).resources(),
    ]
    app = FastAPI(
        title="Newsletter",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={**HANDLERS, HTTPException: refusing(resources)},
        generate_unique_id_function=lambda route: route.name,
    )
    for each in resources:
        app.include_router(each.router)
    document = cache(partial(openapi, app, parts.base_url))  # made when somebody asks for it

    async def described(_: Request) -> Response:
        return JSONResponse(document(), headers={"Cache-Control": "max-age=300"})

    async def shown(_: Request) -> Response:
        return page(document())

    app.router.routes.insert(0, Route("/openapi.json", described))
    app.router.routes.insert(0, Route("/", shown))
    return Gate(Intake(app, store, parts.clock), tokens, most_per_minute, parts.clock)


def openapi(app: FastAPI, base_url: str) -> dict[str, Any]:
    """Return the OpenAPI document."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": f"{base_url}{ROOT}"}],
    )
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operation in [each for methods in document["paths"].values() for each in methods.values()]:
        if (
            " ".join(operation["description"].split()).rstrip(".") == operation["summary"]
        ):  # a docstring of one sentence
            del operation["description"]
    scopes = ", ".join(f"`{scope}`" for scope in Scope)
    bearer = {"type": "http", "scheme": "bearer", "description": f"`newsletter api make-token`. Scopes: {scopes}."}
    document["components"]["securitySchemes"] = {"bearer": bearer}
    return document


def refusing(resources: Iterable[Resource]) -> Handler:
    """Return what answers what the framework refuses; 405 with all methods of the address (RFC 9110 section 15.5.6)."""
    routes = [route for each in resources for route in each.router.routes if isinstance(route, APIRoute)]

    async def refuse(request: Request, error: Exception) -> Response:
        answer = await on_http(request, error)
        if answer.status_code == 405:  # noqa: PLR2004 (the status of RFC 9110)
            path = request.scope["path"].removeprefix(ROOT)
            methods = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
            answer.headers["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
        return answer

    return refuse
