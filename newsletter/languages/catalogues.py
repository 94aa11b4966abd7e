"""Catalogues of texts: read as translators write them (``<code>/LC_MESSAGES/messages.po``) when first needed."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from newsletter.languages.language import Language

FOLDER: Final = Path(__file__).resolve().parent
SOURCE: Final = "en"  # what messages are written in
LOCALES: Final = {SOURCE: "en_GB"}  # whose dates begin with the day, as all of ours do


@cache
def known_codes() -> tuple[str, ...]:
    """Return the codes of the languages that pages and mails are in: English first."""
    found = (path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/messages.po"))
    return (SOURCE, *sorted(found))


@cache
def language_of(code: str) -> Language:
    """Return a language by its code (``de``, ``de-AT``); its texts are English where there is no catalogue for it, and
    so are its dates where nobody knows it.
    """
    language = code.partition("-")[0].lower()
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    try:
        locale = Locale.parse(LOCALES.get(code, code), sep="_" if code in LOCALES else "-")
    except (ValueError, UnknownLocaleError):
        locale = Locale.parse(LOCALES[SOURCE])
    return Language(code, locale, _read(path) if language in known_codes() else NullTranslations())


def _read(path: Path) -> NullTranslations:
    if not path.is_file():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file))
    compiled.seek(0)
    return GNUTranslations(compiled)


ENGLISH: Final = language_of(SOURCE)
