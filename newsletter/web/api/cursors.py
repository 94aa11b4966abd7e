"""Where a list goes on: an opaque text that names the last thing seen, so that what comes or goes shifts nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from newsletter.web.api.problems import RefusedError

Place = tuple[int | str, ...]
LARGEST: Final = 2**62  # of a number in a cursor


def cursor_of(of: str, place: Sequence[int | str]) -> str:
    """Return the cursor after a place in the list ``of``."""
    text = json.dumps([of, *place], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_in(of: str, cursor: str | None, kinds: Sequence[type]) -> Place | None:
    """Return the place that a cursor of the list ``of`` names, its parts of these kinds, None without a cursor.

    RefusedError (400) for what is no cursor of this list.
    """
    if cursor is None:
        return None
    found = _decoded(cursor)
    name, *parts = found if isinstance(found, list) and found else [None]
    if name != of or len(parts) != len(kinds) or not all(map(_fits, parts, kinds)):
        raise RefusedError(400, "bad_cursor", "The cursor is not one of this list.")
    return tuple(parts)


def _decoded(cursor: str) -> Any:
    try:
        octets = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        return json.loads(octets)
    except (ValueError, binascii.Error, RecursionError):
        return None


def _fits(part: Any, kind: type) -> bool:
    if kind is int:
        return type(part) is int and 0 <= part <= LARGEST
    return isinstance(part, str) and part.isprintable()


def link_next(request: Request, response: Response, base_url: str, cursor: str | None) -> None:
    """Name the page that follows in a Link header (RFC 8288), where there is one."""
    if cursor is None:
        return
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
    address = f"{base_url}{request.scope['path']}?{urlencode([*kept, ('cursor', cursor)])}"
    response.headers["Link"] = f'<{address}>; rel="next"'


class Page(BaseModel):
    """A stretch of a list."""

    next_cursor: str | None
