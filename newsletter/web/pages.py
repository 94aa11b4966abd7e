"""Turns templates into answers. The only importer of Jinja2 for pages."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from datetime import date, datetime

STYLE = resources.files("newsletter.web").joinpath("style.css").read_bytes()


class Pages:
    """Renders the pages of one installation; ``brand_name`` is what the newsletter is called."""

    def __init__(self, brand_name: str, *, has_mails: bool, has_reader: bool = False, base_url: str = "") -> None:
        self.brand_name = brand_name
        self.base_url = base_url
        self.has_reader = has_reader
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("newsletter.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"brand_name": brand_name, "has_mails": has_mails, "has_reader": has_reader}
        self._templates.globals |= {"base_url": base_url, "path": "", "has_pages": False}
        self._templates.globals |= {"section": "", "paper_count": None}
        self._templates.filters |= {
            "moment": moment,
            "size": size,
            "day": day,
            "weekday": weekday,
            "short_day": short_day,
        }

    def answer(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return the filled template as an answer."""
        return HTMLResponse(self.render(template, **values), status)

    def render(self, template: str, **values: Any) -> str:
        """Return the filled template."""
        return self._templates.get_template(template).render(values)


def moment(when: datetime) -> str:
    """Return a time as people read it, e.g. ``24 Nov 2026, 07:00 UTC``."""
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def day(when: date) -> str:
    """Return a day as people read it, e.g. ``24 Nov 2026``."""
    return f"{when.day} {when:%b %Y}"


def short_day(when: date) -> str:
    """Return a day as its neighbours call it, e.g. ``Mon 23 Nov``."""
    return f"{when:%a} {when.day} {when:%b}"


def weekday(when: date, is_this_year: bool = False) -> str:  # noqa: FBT001, FBT002 (templates have no names for them)
    """Return a day with its name, e.g. ``Tuesday 24 November 2026``; the year is left out where all know it."""
    return f"{when:%A} {when.day} {when:%B}" + ("" if is_this_year else f" {when:%Y}")


def size(octets: int) -> str:
    """Return a size as people read it, e.g. ``48 kB``."""
    return f"{octets} bytes" if octets < 1000 else f"{octets / 1000:.0f} kB"  # noqa: PLR2004 (a kilobyte)
