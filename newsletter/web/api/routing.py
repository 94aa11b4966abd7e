"""How an endpoint becomes part of the API: its scope, what may come back, and how the OpenAPI document tells of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel

from newsletter.core.access import Scope
from newsletter.ports import Search, Store
from newsletter.service.bounces import BounceDesk
from newsletter.settings.load import Configuration
from newsletter.web.api.gate import allow
from newsletter.web.api.problems import PROBLEM, invalid

ALWAYS: Final = (401, 403, 429, 500, 503)
SAID: Final = {
    400: "It could not be understood: what is no JSON, or a cursor of another list.",
    401: "There is no token, or nobody's.",
    403: "The token has not the scope.",
    404: "There is no such thing.",
    409: "It is there already, or its present state does not allow it.",
    412: "It has changed since the ETag was given.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "It does not fit its description; `errors` says where.",
    429: "The token has made its requests of this minute.",
    500: "Something went wrong here.",
    503: "The store is busy or away.",
}
TAGGED: Final = {"ETag": {"description": "What tells this state from others.", "schema": {"type": "string"}}}
LINKED: Final = {"Link": {"description": "The next page (RFC 8288).", "schema": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What the endpoints work with; ``configuration``, ``desk`` and ``templates`` return what is in force now."""

    store: Store
    search: Search
    clock: Callable[[], datetime]
    configuration: Callable[[], Configuration]
    desk: Callable[[], BounceDesk]
    templates: Callable[[], Collection[str]]
    base_url: str

    def refuse_unknown(self, profiles: Collection[str], template: str | None) -> None:
        """Raise RefusedError (422) for a profile or a template that is not there."""
        for index, name in enumerate(profiles):
            if name not in self.profile_names:
                raise invalid(f"body.profiles.{index}", f"there is no profile “{name}”")
        if template is not None and template not in self.templates():
            raise invalid("body.template", f"there is no template “{template}”")

    @property
    def profile_names(self) -> frozenset[str]:
        """The names of the profiles there are."""
        return frozenset(profile.name for profile in self.configuration().profiles)


def key_header(
    _key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            pattern=r"^[\x21-\x7e]{1,100}$",
            description="The same key with the same request does nothing twice, for a day.",
        ),
    ] = None,
) -> None:
    """Tell of the header; :mod:`newsletter.web.api.intake` has read it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """The endpoints of one kind of thing."""

    name: str
    router: APIRouter

    def add(  # noqa: PLR0913 (each says one thing of an endpoint)
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Any],
        scope: Scope,
        *,
        status: int = 200,
        faults: tuple[int, ...] = (),
        headers: dict[str, Any] | None = None,
        model: type[BaseModel] | None = None,
    ) -> None:
        """Add an endpoint, which only a token with ``scope`` may ask; ``faults`` are what else may come back."""

        def check(request: Request) -> None:
            allow(request, scope)

        has_key = method == "POST"
        kinds = sorted({*ALWAYS, *faults, *((400, 409, 413, 415, 422) if has_key else ())})
        answers: dict[int | str, dict[str, Any]] = {kind: problem_answer(kind) for kind in kinds}
        answers[status] = {"headers": headers} if headers else {}
        summary, _, rest = inspect.cleandoc(endpoint.__doc__ or "").partition("\n\n")
        self.router.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=status,
            response_model=model,
            responses={kind: said for kind, said in answers.items() if said},
            dependencies=[Depends(check), *([Depends(key_header)] if has_key else [])],
            summary=" ".join(summary.split()).rstrip("."),
            description=" ".join(rest.split()),
            name=endpoint.__name__,
            openapi_extra={"security": [{"bearer": [scope.value]}], "x-scope": scope.value},
        )


def resource(name: str) -> Resource:
    """Return a kind of thing without endpoints yet."""
    return Resource(name, APIRouter(tags=[name]))


def problem_answer(status: int) -> dict[str, Any]:
    """Return how the OpenAPI document tells of a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    said: dict[str, Any] = {"description": SAID[status], "content": {PROBLEM: {"schema": schema}}}
    names = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
    if status in names:
        said["headers"] = {name: {"schema": {"type": "string"}} for name in names[status]}
    return said
