"""Turns templates into answers. The only importer of Jinja2 for pages."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from starlette.responses import HTMLResponse

from newsletter.languages.templates import speak
from newsletter.web.speaking import kept_language, language_choices, spoken

if TYPE_CHECKING:
    from newsletter.languages import Language

STYLE = resources.files("newsletter.web").joinpath("style.css").read_bytes()


class Pages:
    """Renders the pages of one installation, in the language of each request; ``brand_name`` is what the newsletter is
    called.
    """

    def __init__(
        self,
        brand_name: str,
        *,
        has_mails: bool,
        has_reader: bool = False,
        has_signup: bool = False,
        base_url: str = "",
    ) -> None:
        self.brand_name = brand_name
        self.base_url = base_url
        self.has_reader = has_reader
        self._globals: dict[str, object] = {"brand_name": brand_name, "has_mails": has_mails, "has_reader": has_reader}
        self._globals |= {"has_signup": has_signup}
        self._globals |= {"base_url": base_url, "path": "", "has_pages": False}
        self._globals |= {"section": "", "paper_count": None, "language_choices": language_choices}
        self._environments: dict[str, jinja2.Environment] = {}

    def answer(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return the filled template as an answer."""
        return HTMLResponse(self.render(template, **values), status)

    def render(self, template: str, **values: Any) -> str:
        """Return the filled template."""
        return kept_language(self._environment(spoken()).get_template(template).render(values))

    def _environment(self, language: Language) -> jinja2.Environment:
        """Return what fills templates in a language; it keeps them compiled."""
        known = self._environments.get(language.code)
        if known is None:
            known = self._environments[language.code] = self._new_environment(language)
        return known

    def _new_environment(self, language: Language) -> jinja2.Environment:
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("newsletter.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        speak(environment, language)
        environment.globals |= self._globals
        environment.filters["size"] = lambda octets: size(octets, language)
        return environment


def size(octets: int, language: Language) -> str:
    """Return a size as people read it, e.g. ``48 kB``."""
    if octets < 1000:  # noqa: PLR2004 (a kilobyte)
        return language.ngettext("%(num)s byte", "%(num)s bytes", octets)
    return language.gettext("%(count)s kB", count=round(octets / 1000))
