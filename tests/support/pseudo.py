"""A language that marks everything it says, ⟦so⟧: what is not marked in it went past the catalogues."""

from __future__ import annotations

import re
from functools import cache
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

from babel import Locale

from newsletter import languages
from newsletter.languages import Language
from newsletter.languages.extraction import extracted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime, time

    import pytest

CODE = "en-XA"  # as the CLDR names its own
MARKED = re.compile("⟦[^⟦⟧]*⟧")


@cache
def known_messages() -> frozenset[tuple[str | None, Any]]:
    """Return every message with its context; finding them takes a second."""
    return frozenset((message.context, message.id) for message in extracted() if message.id)


class PseudoCatalogue(NullTranslations):
    """Marks the messages that ``make languages`` finds; what it does not find stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._known = known_messages()

    def gettext(self, message: str) -> str:
        return self._marked(None, message, message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        form = super().ngettext(singular, plural, number)
        return self._marked(None, (singular, plural), form)

    def pgettext(self, context: str, message: str) -> str:
        return self._marked(context, message, message)

    def npgettext(self, context: str, singular: str, plural: str, number: int) -> str:
        form = super().npgettext(context, singular, plural, number)
        return self._marked(context, (singular, plural), form)

    def _marked(self, context: str | None, message: Any, form: str) -> str:
        return f"⟦{form}⟧" if (context, message) in self._known else form


class PseudoLanguage(Language):
    """Marks dates and times, too."""

    def _date(self, day: date, form: tuple[str, str, str]) -> str:
        return f"⟦{super()._date(day, form)}⟧"

    def time(self, when: time | datetime) -> str:
        return f"⟦{super().time(when)}⟧"

    def listing(self, names: Sequence[str]) -> str:
        return " ⟦and⟧ ".join(names)


def pseudo_language() -> Language:
    return PseudoLanguage(CODE, Locale.parse("en_GB"), PseudoCatalogue())


def speak_pseudo(monkeypatch: pytest.MonkeyPatch) -> Language:
    """Let every page and mail of this process speak the pseudo-language, whoever asks for whatever."""
    language = pseudo_language()
    for module in ("newsletter.mail.render", "newsletter.web.speaking"):
        monkeypatch.setattr(f"{module}.language_of", lambda _: language)
        monkeypatch.setattr(f"{module}.known_codes", lambda: ("en", CODE))
    assert languages.known_codes() != ("en", CODE)
    return language


def unmarked(text: str) -> str:
    """Return a text without what is marked in it."""
    while MARKED.search(text):
        text = MARKED.sub(" ", text)
    return text
