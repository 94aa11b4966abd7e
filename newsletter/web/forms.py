"""What people post: bodies in every form encoding that mail programs and browsers send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from starlette.datastructures import FormData

if TYPE_CHECKING:
    from starlette.requests import Request

FEW: Final = 10  # fields of a form that only asks for a yes


async def read_form(request: Request, most: int = FEW) -> FormData:
    """Return the fields of a body in either form encoding (RFC 8058 allows both), or one without a content type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in {"", "text/plain"}:
        body = (await request.body()).decode("utf-8", "replace")
        return FormData(dict(parse_qsl(body.strip())))
    return await request.form(max_files=0, max_fields=most)


def word(form: FormData, name: str) -> str:
    """Return the text of a field, its line ends as line feeds; empty where there is none."""
    value = form.get(name)
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""
