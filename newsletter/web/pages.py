"""Turns templates into answers. The only importer of Jinja2 for pages."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from datetime import datetime

STYLE = resources.files("newsletter.web").joinpath("style.css").read_bytes()


class Pages:
    """Renders the pages of one installation; ``brand_name`` is what the newsletter is called."""

    def __init__(self, brand_name: str, *, has_mails: bool) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("newsletter.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"brand_name": brand_name, "has_mails": has_mails}
        self._templates.filters |= {"moment": moment, "size": size}

    def answer(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return the filled template as an answer."""
        return HTMLResponse(self._templates.get_template(template).render(values), status)


def moment(when: datetime) -> str:
    """Return a time as people read it, e.g. ``24 Nov 2026, 07:00 UTC``."""
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def size(octets: int) -> str:
    """Return a size as people read it, e.g. ``48 kB``."""
    return f"{octets} bytes" if octets < 1000 else f"{octets / 1000:.0f} kB"  # noqa: PLR2004 (a kilobyte)
