"""Lets templates speak a language: ``_("text")``, ``{% trans %}``, and filters for dates, numbers and lists."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import pass_eval_context
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2 import Environment
    from jinja2.nodes import EvalContext

    from newsletter.languages.language import Language

EXTENSION = "jinja2.ext.i18n"
MOST_MESSAGES = 4_096


def speak(environment: Environment, language: Language) -> None:
    """Let the templates of an environment speak ``language``: one environment, one language, so that nothing has to be
    looked up while a template is filled.
    """
    environment.add_extension(EXTENSION)
    environment.policies["ext.i18n.trimmed"] = True
    environment.newstyle_gettext = True  # type: ignore[attr-defined] # of the extension
    environment.globals |= {**_callables(language), "language": language}
    environment.filters |= language_filters(language)


def language_filters(language: Language) -> dict[str, Callable[..., Any]]:
    """Return the filters that say something as ``language`` does, by name."""
    return {
        "day": language.day,
        "listing": lambda values: language.listing([str(value) for value in values]),
        "long_date": language.long_date,
        "moment": language.moment,
        "short_date": language.short_date,
        "short_day": language.short_day,
        "thousands": language.number,
        "weekday": language.weekday,
    }


def _callables(language: Language) -> dict[str, Callable[..., str]]:
    """Return what Jinja's extension calls. In HTML, messages are HTML and their values are escaped."""
    catalogue = language.catalogue

    @lru_cache(maxsize=MOST_MESSAGES)
    def without_values(message: str, *, is_html: bool) -> str:
        text = message % {}
        return Markup(text) if is_html else text  # noqa: S704 (catalogues are ours)

    def filled(context: EvalContext, message: str, values: Mapping[str, Any]) -> str:
        if not values:
            return without_values(message, is_html=context.autoescape)
        shown = language.shown(values)
        if not context.autoescape:
            return message % shown
        return Markup(message % {name: escape(value) for name, value in shown.items()})  # noqa: S704 (each is escaped)

    @pass_eval_context
    def gettext(context: EvalContext, message: str, /, **values: Any) -> str:
        return filled(context, catalogue.gettext(message), values)

    @pass_eval_context
    def ngettext(context: EvalContext, singular: str, plural: str, number: int, /, **values: Any) -> str:
        return filled(context, catalogue.ngettext(singular, plural, number), {"num": number, **values})

    @pass_eval_context
    def pgettext(context: EvalContext, meaning: str, message: str, /, **values: Any) -> str:
        return filled(context, catalogue.pgettext(meaning, message), {"context": meaning, **values})

    @pass_eval_context
    def npgettext(context: EvalContext, meaning: str, singular: str, plural: str, number: int, /, **values: Any) -> str:
        said = catalogue.npgettext(meaning, singular, plural, number)
        return filled(context, said, {"context": meaning, "num": number, **values})

    return {"gettext": gettext, "ngettext": ngettext, "pgettext": pgettext, "npgettext": npgettext}
